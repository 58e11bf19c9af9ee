/// libFuzzer for targets in JavaScript: it runs on a thread of its own, hands each input to a
/// function, and finds in `counters` which of the instrumented places that has reached.
#include <napi.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

extern "C" {
int LLVMFuzzerRunDriver(int* argc, char*** argv, int (*target)(const uint8_t* data, size_t size));
void __sanitizer_cov_8bit_counters_init(uint8_t* start, uint8_t* stop);
void __sanitizer_cov_pcs_init(const uintptr_t* start, const uintptr_t* stop);
}

namespace {

/// What libFuzzer calls has no room for context.
struct Driver {
  Napi::ThreadSafeFunction onInput;
  std::mutex mutex;
  std::condition_variable changed;
  bool over = false;
  bool good = false;

  void end(bool isGood) {
    const std::lock_guard lock(mutex);
    over = true;
    good = isGood;
    changed.notify_one();
  }
};
Driver driver;

int runOne(const uint8_t* data, size_t size) {
  driver.over = false;
  driver.onInput.BlockingCall([data, size](Napi::Env env, Napi::Function onInput) {
    const auto done = Napi::Function::New(
        env, [](const Napi::CallbackInfo& info) { driver.end(info[0].ToBoolean()); });
    onInput.Call({Napi::Buffer<uint8_t>::Copy(env, data, size), done});
  });
  std::unique_lock lock(driver.mutex);
  driver.changed.wait(lock, [] { return driver.over; });
  // libFuzzer keeps the input then, and says where.
  if (!driver.good) std::abort();
  return 0;
}

/// Made up, one for each counter: libFuzzer counts coverage by addresses.
std::vector<uintptr_t>& places(size_t count) {
  static std::vector<uintptr_t> table;
  for (size_t i = 1; i <= count; ++i) table.insert(table.end(), {i, 0});
  return table;
}

/// run(argv, counters, onInput(bytes, done(isGood))): libFuzzer ends the process.
void run(const Napi::CallbackInfo& info) {
  static std::vector<std::string> arguments;
  const auto given = info[0].As<Napi::Array>();
  for (uint32_t i = 0; i < given.Length(); ++i)
    arguments.push_back(given.Get(i).As<Napi::String>());
  static Napi::Reference<Napi::Uint8Array> counters =
      Napi::Persistent(info[1].As<Napi::Uint8Array>());
  uint8_t* const start = counters.Value().Data();
  const size_t count = counters.Value().ByteLength();
  driver.onInput =
      Napi::ThreadSafeFunction::New(info.Env(), info[2].As<Napi::Function>(), "fuzz", 0, 1);
  // Its exit() would run what belongs to threads that are still at work.
  std::atexit([] { ::_exit(0); });
  std::thread([start, count] {
    __sanitizer_cov_8bit_counters_init(start, start + count);
    const auto& table = places(count);
    __sanitizer_cov_pcs_init(table.data(), table.data() + table.size());
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    int argc = static_cast<int>(pointers.size() - 1);
    char** argv = pointers.data();
    ::_exit(LLVMFuzzerRunDriver(&argc, &argv, runOne));
  }).detach();
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("run", Napi::Function::New(env, run));
  return exports;
}

}  // namespace

NODE_API_MODULE(fuzz_driver, initialize)
