// Runs in a lab machine: node watch-paths.mjs DEVICE. Opens the paths of a device as holdfast does and
// prints them as a line of JSON, at first and after every change; reports go to stderr.
const { DeviceEvents } = await import('/opt/holdfast/dist/multipath/device-events.js');
const { findLogicalUnit } = await import('/opt/holdfast/dist/multipath/logical-unit.js');
const { openHostPaths } = await import('/opt/holdfast/dist/multipath/open-host-paths.js');
const { Sysfs } = await import('/opt/holdfast/dist/multipath/sysfs.js');
const { loadNativeAddon } = await import('/opt/holdfast/dist/native/load-native-addon.js');

const { paths } = await openHostPaths({
  addon: loadNativeAddon(),
  device: findLogicalUnit(new Sysfs(), process.argv[2]),
  transport: {},
  events: new DeviceEvents(),
  report: (message) => console.error(message),
});
const show = () => {
  const all = paths.paths().map((path) => ({ ...path, transport: path.transport.name }));
  console.log(JSON.stringify({ name: paths.name, paths: all }));
};
paths.addEventListener('change', show);
show();
// Looking from time to time does not keep a process alive.
setInterval(() => undefined, 2 ** 30);
