#pragma once

/// ThreadSanitizer's runtime holds locks of its own inside an atomic operation, so a bus error that
/// is handled there never ends; outside of its runs nothing is held.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HOLDFAST_NO_FAULTS_IN_ATOMICS
#endif
#endif
