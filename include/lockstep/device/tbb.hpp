// oneTBB's arenas and task groups, without most of the headers that theirs pull in. Of <immintrin.h> they use three
// functions, which are builtins of g++; parsing it doubles the time to compile a file that includes us. Of <thread>
// they use yield(), of <memory> std::unique_ptr, of <iterator> a traits class, of <mutex> nothing: together a tenth of
// that time. While TBB is included, the guards of these headers say that they have been, and are then given back, so
// that the file that includes us can still have the whole of each. Where nobody has looked what another version of TBB
// or of the standard library needs, it gets all of it.
#pragma once

#include <oneapi/tbb/version.h>

#include "../core/memory.hpp"
#include "../core/threads.hpp"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(_IMMINTRIN_H_INCLUDED)
#define _IMMINTRIN_H_INCLUDED
#define _mm_pause __builtin_ia32_pause
#define _mm_getcsr __builtin_ia32_stmxcsr
#define _mm_setcsr __builtin_ia32_ldmxcsr
#define LOCKSTEP_TBB_WITHOUT_INTRINSICS
#endif
#if TBB_INTERFACE_VERSION == 12080 && defined(_GLIBCXX_RELEASE) && _GLIBCXX_RELEASE == 12 && \
    !defined(_GLIBCXX_THREAD) && !defined(_GLIBCXX_MEMORY) && !defined(_GLIBCXX_ITERATOR) && !defined(_GLIBCXX_MUTEX)
#define _GLIBCXX_THREAD
#define _GLIBCXX_MEMORY
#define _GLIBCXX_ITERATOR
#define _GLIBCXX_MUTEX
#define LOCKSTEP_TBB_WITH_FEW_HEADERS
#endif

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#ifdef LOCKSTEP_TBB_WITH_FEW_HEADERS
#undef LOCKSTEP_TBB_WITH_FEW_HEADERS
#undef _GLIBCXX_THREAD
#undef _GLIBCXX_MEMORY
#undef _GLIBCXX_ITERATOR
#undef _GLIBCXX_MUTEX
#endif
#ifdef LOCKSTEP_TBB_WITHOUT_INTRINSICS
#undef LOCKSTEP_TBB_WITHOUT_INTRINSICS
#undef _mm_pause
#undef _mm_getcsr
#undef _mm_setcsr
#undef _IMMINTRIN_H_INCLUDED
#endif
