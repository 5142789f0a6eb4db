// The sizes at which kernels are tested: around warps, blocks, packs and tiles, and many blocks.
#pragma once

#include <cstddef>

namespace cuda_tests {

inline constexpr std::size_t sizes[] = {0,   1,   2,    31,   32,   33,   255,  256,  257,
                                        511, 513, 1023, 1024, 1025, 4095, 4096, 4097, 100000};

}  // namespace cuda_tests
