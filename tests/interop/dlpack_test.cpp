// Runs on: cpu
// DLPack both ways, against structs filled in by hand, as another library would.
#include <doctest/doctest.h>

#include <lockstep/interop/dlpack.hpp>
#include <lockstep/lockstep.hpp>

#include "support/devices.hpp"
#include "support/values.hpp"

namespace ls = lockstep;
namespace dl = lockstep::dlpack;
using lockstep::test::contains;
using lockstep::test::for_each_device;
using lockstep::test::message_of;

// What a program gets that includes dlpack.h: structs of the published layout and names, in no namespace.
extern "C" {
typedef enum { kDLCPU = 1, kDLCUDA = 2 } DLDeviceType;
typedef struct {
  DLDeviceType device_type;
  int32_t device_id;
} DLDevice;
typedef struct {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
} DLDataType;
typedef struct {
  void* data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t* shape;
  int64_t* strides;
  uint64_t byte_offset;
} DLTensor;
typedef struct DLManagedTensor {
  DLTensor dl_tensor;
  void* manager_ctx;
  void (*deleter)(struct DLManagedTensor* self);
} DLManagedTensor;
}

namespace {

/// A tensor of 2 x 3 floats that counts how often it is deleted.
template <class Managed>
struct foreign {
  float values[8] = {0, 1, 2, 3, 4, 5, 6, 7};
  std::int64_t extents[2] = {2, 3}, strides[2] = {3, 1};
  int deleted = 0;
  Managed managed{};

  foreign() {
    auto& t = managed.dl_tensor;
    t.data = values;
    t.device.device_type = static_cast<decltype(t.device.device_type)>(1);
    t.ndim = 2;
    t.dtype.code = 2, t.dtype.bits = 32, t.dtype.lanes = 1;
    t.shape = extents;
    managed.manager_ctx = &deleted;
    managed.deleter = [](Managed* self) { ++*static_cast<int*>(self->manager_ctx); };
  }
};

template <class T>
void check_type(std::uint8_t code, std::vector<T> const& values) {
  for_each_device([&](ls::device const& dev) {
    ls::array<T> x(dev, values);
    dl::managed_tensor* const given = ls::to_dlpack(x);
    dl::tensor const& t = given->dl_tensor;
    CHECK(t.dtype.code == code);
    CHECK(t.dtype.bits == 8 * sizeof(T));
    CHECK(t.dtype.lanes == 1);
    CHECK(t.data == x.data());
    ls::array<T> const back = ls::from_dlpack<T>(given, dev);
    CHECK(back.data() == x.data());
    CHECK(back.to_host() == values);
  });
}

template <class E, class Change>
std::string refused(Change&& change) {
  foreign<dl::managed_tensor> f;
  change(f, f.managed.dl_tensor);
  std::string const message = message_of<E>([&] { ls::from_dlpack<float, 2>(&f.managed); });
  CHECK(f.deleted == 0);
  return message;
}

}  // namespace

TEST_CASE_TEMPLATE("from_dlpack: takes a tensor over and deletes it once", Managed, dl::managed_tensor, DLManagedTensor,
                   dl::managed_tensor_versioned) {
  for_each_device([](ls::device const& dev) {
    for (bool strides : {false, true}) {
      foreign<Managed> f;
      if (strides) f.managed.dl_tensor.strides = f.strides;
      f.managed.dl_tensor.byte_offset = 4;
      if constexpr (dl::versioned<Managed>) f.managed.version.major = 1;
      {
        ls::array<float, 2> x = ls::from_dlpack<float, 2>(&f.managed, dev);
        CHECK(x.data() == f.values + 1);
        CHECK(x.shape() == ls::shape{2, 3});
        CHECK(x.device() == dev);
        x = x + 1.0f;
        auto const kept = x * 1.0f;
        x = ls::array<float, 2>();
        CHECK(f.deleted == 0);
        CHECK(kept.to_host() == std::vector<float>{2, 3, 4, 5, 6, 7});
      }
      CHECK(f.deleted == 1);
      CHECK(f.values[0] == 0);
      CHECK(f.values[7] == 7);
    }
  });
}

TEST_CASE("from_dlpack: what has no elements, no axes, extents of 1, or no deleter") {
  foreign<dl::managed_tensor> f;
  f.extents[0] = 0, f.strides[0] = 77;
  f.managed.dl_tensor.strides = f.strides;
  f.managed.dl_tensor.data = nullptr;
  CHECK(ls::from_dlpack<float, 2>(&f.managed).size() == 0);
  CHECK(f.deleted == 1);
  f.extents[0] = 1;
  f.managed.dl_tensor.data = f.values;
  CHECK(ls::from_dlpack<float, 2>(&f.managed).to_host() == std::vector<float>{0, 1, 2});
  f.managed.dl_tensor.ndim = 0;
  f.managed.dl_tensor.shape = nullptr;
  f.managed.deleter = nullptr;
  CHECK(float(ls::from_dlpack<float, 0>(&f.managed)) == 0);
  CHECK(f.deleted == 2);
}

TEST_CASE("from_dlpack: what is refused stays the caller's, and the message says why") {
  using ls::error, ls::shape_error, ls::device_error;
  CHECK(refused<error>([](auto&, auto& t) { t.dtype.bits = 64; }) ==
        "from_dlpack: found a tensor of float64, expected float32");
  CHECK(contains(refused<error>([](auto&, auto& t) { t.dtype.lanes = 4; }), "found a tensor of float32 in 4 lanes"));
  CHECK(contains(refused<error>([](auto&, auto& t) { t.dtype = {6, 8, 1}; }), "found a tensor of bool, "));
  CHECK(contains(refused<error>([](auto&, auto& t) { t.dtype.code = 9; }), "found a tensor of type code 9 of bits 32"));
  CHECK(refused<shape_error>([](auto&, auto& t) { t.ndim = 3; }) ==
        "from_dlpack: found a tensor of 3 axes, expected 2");
  CHECK(contains(refused<shape_error>([](auto&, auto& t) { t.ndim = -1; }), "found a tensor of -1 axes"));
  CHECK(contains(refused<shape_error>([](auto&, auto& t) { t.shape = nullptr; }), "found no shape"));
  CHECK(contains(refused<shape_error>([](auto& f, auto&) { f.extents[1] = -3; }), "found the extent -3"));
  CHECK(refused<shape_error>([](auto& f, auto& t) {
          f.strides[0] = 1, f.strides[1] = 2;
          t.strides = f.strides;
        }) ==
        "from_dlpack: found the strides (1, 2) for the shape (2, 3), expected row-major ones without gaps; make the "
        "tensor contiguous first");
  CHECK(contains(refused<ls::out_of_memory>([](auto& f, auto&) { f.extents[0] = INT64_MAX; }), "at most 2^63"));
  CHECK(contains(refused<device_error>([](auto&, auto& t) { t.device.device_type = 10; }), "of DLPack's type 10"));
  CHECK(contains(refused<error>([](auto&, auto& t) { t.data = nullptr; }), "found a null pointer, expected 24 bytes"));
  CHECK(contains(refused<error>([](auto&, auto& t) { t.byte_offset = 2; }), "not aligned to 4 bytes"));
  CHECK(contains(refused<error>([](auto&, auto& t) { t.byte_offset = UINT64_MAX - 3; }), "lies outside of memory"));
  CHECK_THROWS_AS(ls::from_dlpack<float>(static_cast<dl::managed_tensor*>(nullptr)), ls::error);
  foreign<dl::managed_tensor> f;
  f.managed.dl_tensor.device.device_type = 2;
  CHECK(message_of<device_error>([&] { ls::from_dlpack<float, 2>(&f.managed, ls::default_device()); }) ==
        "from_dlpack: found a tensor on gpu:0, expected one on " + ls::default_device().name());
}

TEST_CASE("from_dlpack: versioned tensors of another version, or that must not be written") {
  foreign<dl::managed_tensor_versioned> f;
  f.managed.version = {2, 1};
  CHECK(contains(message_of<ls::error>([&] { ls::from_dlpack<float, 2>(&f.managed); }), "found DLPack version 2.1"));
  f.managed.version = {1, 3};
  f.managed.flags = dl::flag_read_only;
  CHECK(contains(message_of<ls::error>([&] { ls::from_dlpack<float, 2>(&f.managed); }), "must not be written"));
  CHECK(f.deleted == 0);
}

TEST_CASE("to_dlpack: the tensor keeps the memory until it is deleted, and both see what is written") {
  for_each_device([](ls::device const& dev) {
    DLManagedTensor* given = nullptr;
    std::weak_ptr<float> memory;
    {
      ls::array<float, 3> owned(dev, {2, 3, 4});
      std::shared_ptr<float> const lent = ls::lend(owned);
      memory = lent;
      auto x = ls::adopt(dev, lent, owned.shape());
      x = 1.0f;
      given = ls::to_dlpack<DLManagedTensor>(x);
      static_cast<float*>(given->dl_tensor.data)[23] = 5;
      CHECK(float(ls::sum(x)) == 28);
    }
    CHECK(!memory.expired());
    DLTensor const& t = given->dl_tensor;
    CHECK(t.ndim == 3);
    CHECK(std::vector<std::int64_t>(t.shape, t.shape + 3) == std::vector<std::int64_t>{2, 3, 4});
    CHECK(std::vector<std::int64_t>(t.strides, t.strides + 3) == std::vector<std::int64_t>{12, 4, 1});
    CHECK(t.device.device_type == kDLCPU);
    CHECK(t.byte_offset == 0);
    CHECK(static_cast<float*>(t.data)[23] == 5);
    given->deleter(given);
    CHECK(memory.expired());
  });
}

TEST_CASE("to_dlpack: temporaries, const arrays, no memory") {
  ls::device const dev = ls::default_device();
  auto* const moved = ls::to_dlpack(ls::array<double>(ls::arange<double>(dev, 4)));
  CHECK(double(ls::sum(ls::from_dlpack<double>(moved))) == 6);
  ls::array<float, 0> const scalar = ls::sum(ls::ones<float>(dev, 3));
  auto* const read_only = ls::to_dlpack<dl::managed_tensor_versioned>(scalar);
  CHECK(read_only->version.major == 1);
  CHECK(read_only->flags == dl::flag_read_only);
  CHECK(read_only->dl_tensor.ndim == 0);
  CHECK_THROWS_AS((ls::from_dlpack<float, 0>(read_only)), ls::error);
  read_only->deleter(read_only);
  ls::array<float> none;
  CHECK_THROWS_AS(static_cast<void>(ls::to_dlpack(none)), ls::device_error);
}

TEST_CASE("dlpack: every type") {
  check_type<bool>(6, {true, false});
  check_type<std::int8_t>(0, {-1, 2});
  check_type<std::int16_t>(0, {-1, 2});
  check_type<std::int32_t>(0, {-1, 2});
  check_type<std::int64_t>(0, {-1, 2});
  check_type<std::uint8_t>(1, {1, 2});
  check_type<std::uint16_t>(1, {1, 2});
  check_type<std::uint32_t>(1, {1, 2});
  check_type<std::uint64_t>(1, {1, 2});
  check_type<ls::half>(2, {1.0f, 2.0f});
  check_type<ls::bfloat16>(4, {1.0f, 2.0f});
  check_type<float>(2, {1, 2});
  check_type<double>(2, {1, 2});
  check_type<std::complex<float>>(5, {{1, 2}});
  check_type<std::complex<double>>(5, {{1, 2}});
}
