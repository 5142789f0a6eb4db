// The algorithms of <algorithm> without those of std::ranges and of parallel execution, which lockstep does not use,
// and which cost four fifths of the time that the header takes to compile: it is one of the largest there are.
#pragma once

#include <initializer_list>
#include <utility>

#if defined(__has_include)
#if __has_include(<bits/stl_algo.h>)
#include <bits/stl_algobase.h>
// The second of the two rests on the first.
#include <bits/stl_algo.h>
#else
#include <algorithm>
#endif
#else
#include <algorithm>
#endif
