// The smart pointers of <memory> without the streams that libstdc++ 12 includes to print them, and without the rest of
// that header: it would be a tenth of what lockstep.hpp takes to compile.
#pragma once

#include <iosfwd>
#include <utility>

#if defined(_GLIBCXX_RELEASE) && _GLIBCXX_RELEASE == 12 && !defined(_GLIBCXX_OSTREAM)
#define _GLIBCXX_OSTREAM  // the operators that print are templates: they are complete where <ostream> is included, too
#include <bits/unique_ptr.h>
#undef _GLIBCXX_OSTREAM
#include <bits/shared_ptr.h>
#else
#include <memory>
#endif
