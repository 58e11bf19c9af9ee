// node --import: a process that takes over stands still for ever once it was told to go.
const parse = JSON.parse;

JSON.parse = (text, reviver) => {
  const value = parse(text, reviver);
  if (value?.type === 'go') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  return value;
};
