#include "core/io/io_engine.h"

namespace holdfast {

Result<std::unique_ptr<IoEngine>> makeEngine(EngineKind kind) {
  switch (kind) {
    case EngineKind::kIoUring:
      return makeUringEngine();
    case EngineKind::kLibaio:
      return makeAioEngine();
    case EngineKind::kSync:
      break;
  }
  return makeSyncEngine();
}

}  // namespace holdfast
