// oneTBB's arenas and loops, without the vector intrinsics that its headers pull in: of <immintrin.h> TBB uses three
// functions, all of them in <xmmintrin.h>, and parsing the rest doubles the time to compile a file that includes us.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(_IMMINTRIN_H_INCLUDED)
#include <xmmintrin.h>
#define _IMMINTRIN_H_INCLUDED
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>
#undef _IMMINTRIN_H_INCLUDED  // the file that includes us can still have the whole header
#else
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>
#endif
