// Networks that the compiler refuses, each with one line that names the layer and the reason.
// case 1: sequential: the first layer must be nn::input
// case 2: linear: its input must be flat; put nn::flatten before it
// case 3: max_pool2d: its window must divide the height and the width of its input
// case 4: conv2d: its input must be an image, but a layer before it made it flat
// case 5: conv2d: its window is larger than its input; use nn::same or a smaller kernel
// case 6: max_pool2d: its input must be an image, but a layer before it made it flat
// case 7: sequential: nn::input can only be the first layer
// case 8: sequential: needs layers after nn::input
// case 9: input: give height, width and channels, or one size
// case 10: linear: its width must be positive
// case 11: sequential: needs a layer that computes after its input
// case 12: conv2d: filters, kernel and stride must be positive
// case 13: max_pool2d: the window must be from 1 to 15 pixels wide
// case 14: input: extents must be positive
// case 15: sequential: nn::input must be followed by layers, found a type that is none
#include <lockstep/nn/sequential.hpp>

namespace nn = lockstep::nn;
using nn::conv2d, nn::flatten, nn::input, nn::linear, nn::max_pool2d, nn::relu, nn::same, nn::sequential, nn::valid;

template struct nn::network_plan<input<8, 8, 1>, conv2d<4, 3, same>, flatten, linear<2>>;

#if CASE == 1
auto count = sequential<linear<10>>::parameter_count;
#endif
#if CASE == 2
auto count = sequential<input<28, 28, 1>, conv2d<32, 3, same>, relu, linear<10>>::parameter_count;
#endif
#if CASE == 3
auto count = sequential<input<28, 28, 1>, conv2d<4, 3, valid>, max_pool2d<4>, flatten, linear<10>>::parameter_count;
#endif
#if CASE == 4
auto count = sequential<input<784>, conv2d<32, 3, same>, flatten, linear<10>>::parameter_count;
#endif
#if CASE == 5
auto count = sequential<input<4, 4, 1>, conv2d<3, 5, valid>, flatten, linear<10>>::parameter_count;
#endif
#if CASE == 6
auto count = sequential<input<8, 8, 1>, flatten, max_pool2d<2>, linear<10>>::parameter_count;
#endif
#if CASE == 7
auto count = sequential<input<8>, linear<8>, input<8>, linear<10>>::parameter_count;
#endif
#if CASE == 8
auto count = sequential<input<8>>::parameter_count;
#endif
#if CASE == 9
auto count = sequential<input<8, 8>, flatten, linear<10>>::parameter_count;
#endif
#if CASE == 10
auto count = sequential<input<8>, linear<0>>::parameter_count;
#endif
#if CASE == 11
auto count = sequential<input<8, 8, 1>, flatten>::parameter_count;
#endif
#if CASE == 12
auto count = sequential<input<8, 8, 1>, conv2d<4, 3, same, 0>, flatten, linear<2>>::parameter_count;
#endif
#if CASE == 13
auto count = sequential<input<16, 16, 1>, max_pool2d<16>, flatten, linear<2>>::parameter_count;
#endif
#if CASE == 14
auto count = sequential<input<0>, linear<2>>::parameter_count;
#endif
#if CASE == 15
auto count = sequential<input<8>, int, linear<2>>::parameter_count;
#endif
