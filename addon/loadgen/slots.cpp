#include "loadgen/slots.h"

namespace holdfast::loadgen {

namespace {

constexpr uint64_t kDataAlignment = 4096;
constexpr uint64_t kControlAlignment = 64;

/// Table, header and answer lie side by side.
uint64_t tableSize(const Options& options) {
  return sizeof(frontend::Descriptor) * (options.segments + 2);
}
uint64_t controlSize(const Options& options) {
  const RequestForm form = formOf(options.device);
  return tableSize(options) + form.headerSize + form.answerSize;
}

}  // namespace

uint64_t Slots::memoryNeeded(const Options& options) {
  const uint64_t control = controlSize(options) + kControlAlignment;
  const uint64_t data = options.blockSize + kDataAlignment;
  return options.depth * (control + data);
}

Result<Slots> Slots::create(frontend::GuestMemory& memory, const Options& options) {
  const RequestForm form = formOf(options.device);
  Slots slots;
  for (uint16_t index = 0; index < options.depth; ++index) {
    const Result<uint64_t> control = memory.allocate(controlSize(options), kControlAlignment);
    if (!control) return control.error();
    const Result<uint64_t> data = memory.allocate(options.blockSize, kDataAlignment);
    if (!data) return data.error();

    Slot slot;
    const frontend::Buffer header{*control + tableSize(options), form.headerSize, false};
    const frontend::Buffer answer{header.guestAddr + form.headerSize, form.answerSize, true};
    slot.header = memory.hostAddr(header.guestAddr);
    slot.answer = memory.hostAddr(answer.guestAddr);
    slot.data = {memory.hostAddr(*data), options.blockSize};
    slot.table = *control;
    slot.tableHost = memory.hostAddr(*control);
    slot.readChain.push_back(header);
    slot.writeChain.push_back(header);
    if (form.answerFirst) slot.readChain.push_back(answer);
    const uint32_t segmentSize = options.blockSize / options.segments;
    for (uint32_t i = 0; i < options.segments; ++i) {
      slot.readChain.push_back({*data + uint64_t{i} * segmentSize, segmentSize, true});
      slot.writeChain.push_back({*data + uint64_t{i} * segmentSize, segmentSize, false});
    }
    if (!form.answerFirst) slot.readChain.push_back(answer);
    slot.writeChain.push_back(answer);
    slots.slots_.push_back(std::move(slot));
    slots.free_.push_back(index);
  }
  return slots;
}

uint16_t Slots::take() {
  const uint16_t index = free_.back();
  free_.pop_back();
  return index;
}

}  // namespace holdfast::loadgen
