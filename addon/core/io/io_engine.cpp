#include "core/io/io_engine.h"

namespace holdfast {

Result<std::unique_ptr<IoEngine>> makeEngine(EngineKind kind, int fd) {
  switch (kind) {
    case EngineKind::kIoUring:
      return makeUringEngine(fd);
    case EngineKind::kLibaio:
      return makeAioEngine(fd);
    case EngineKind::kSync:
      break;
  }
  return makeSyncEngine(fd);
}

}  // namespace holdfast
