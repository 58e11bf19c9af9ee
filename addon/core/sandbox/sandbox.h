#pragma once

#include "core/base/status.h"
#include "core/sandbox/syscall_rules.h"

namespace holdfast::sandbox {

/// Confines all threads of the process, also those to come, for good: system calls that
/// `rulesFor(confined)` doesn't list end with ENOSYS, and no program that it starts can gain
/// privileges (no_new_privs). From now on confineThread() does something. To be called before the
/// first thread that faces a guest is started: a thread that is confined further can't be confined
/// by this any more. Errors: seccomp's.
Status confineProcess(Confined confined);

/// Confines the calling thread, and those that it will start, further, if the process is confined.
/// Errors: seccomp's.
Status confineThread(Confined confined);

}  // namespace holdfast::sandbox
