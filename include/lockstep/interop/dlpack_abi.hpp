// The structs that libraries exchange tensors by, as DLPack publishes their layout (https://dmlc.github.io/dlpack).
// They lie in a namespace of their own, so that <dlpack/dlpack.h> may be included before or after; its structs have the
// same members, and every function here that takes or gives one takes and gives those, too.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lockstep::dlpack {

/// Where a tensor's memory is (DLDeviceType); others exist and are refused.
enum device_type : std::int32_t { cpu = 1, cuda = 2, cuda_host = 3 };

/// What its elements are (DLDataTypeCode).
enum type_code : std::uint8_t {
  code_int = 0,
  code_uint = 1,
  code_float = 2,
  code_bfloat = 4,
  code_complex = 5,
  code_bool = 6
};

/// DLDevice.
struct tensor_device {
  std::int32_t device_type;
  std::int32_t device_id;
};
/// DLDataType: elements of `lanes` times `bits` bits.
struct data_type {
  std::uint8_t code;
  std::uint8_t bits;
  std::uint16_t lanes;
};
/// DLTensor. Strides are in elements; none means row-major without gaps.
struct tensor {
  void* data;
  tensor_device device;
  std::int32_t ndim;
  data_type dtype;
  std::int64_t* shape;
  std::int64_t* strides;
  std::uint64_t byte_offset;
};

/// DLManagedTensor: what versions 0.x of DLPack exchange. Whoever takes it calls deleter(this) once.
struct managed_tensor {
  tensor dl_tensor;
  void* manager_ctx;
  void (*deleter)(managed_tensor*);
};

/// DLPackVersion.
struct version_number {
  std::uint32_t major;
  std::uint32_t minor;
};
inline constexpr std::uint64_t flag_read_only = 1;  ///< the elements must not be written

/// DLManagedTensorVersioned: what versions 1.x exchange.
struct managed_tensor_versioned {
  version_number version;
  void* manager_ctx;
  void (*deleter)(managed_tensor_versioned*);
  std::uint64_t flags;
  tensor dl_tensor;
};

static_assert(sizeof(void*) != 8 || (sizeof(tensor) == 48 && sizeof(managed_tensor) == 64 &&
                                     sizeof(managed_tensor_versioned) == 80 && offsetof(tensor, strides) == 32),
              "these layouts are the published ones");

}  // namespace lockstep::dlpack
