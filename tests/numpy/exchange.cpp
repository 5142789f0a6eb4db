// What exchange.py calls, as a shared library: lockstep's readers and writers of NumPy's files, and DLPack both ways.
// Every function gives nullptr, or the text of what was thrown.
#include <lockstep/interop/dlpack.hpp>
#include <lockstep/io/npz.hpp>
#include <lockstep/lockstep.hpp>

namespace ls = lockstep;

namespace {

template <class Body>
char const* text_of_error(Body body) {
  static std::string text;
  try {
    body();
    return nullptr;
  } catch (std::exception const& problem) {
    text = problem.what();
    return text.c_str();
  }
}

/// body(T()) for the type that NumPy calls by this name.
template <class Body>
void with_type(std::string const& name, Body body) {
  bool found = false;
  auto const offer = [&]<class T>(char const* offered, T value) {
    if (name == offered) found = true, body(value);
  };
  offer("bool", false);
  offer("int8", std::int8_t()), offer("int16", std::int16_t());
  offer("int32", std::int32_t()), offer("int64", std::int64_t());
  offer("uint8", std::uint8_t()), offer("uint16", std::uint16_t());
  offer("uint32", std::uint32_t()), offer("uint64", std::uint64_t());
  offer("float16", ls::half()), offer("float32", float()), offer("float64", double());
  offer("complex64", std::complex<float>()), offer("complex128", std::complex<double>());
  if (!found) throw ls::error("found the type " + name + ", which this test does not know");
}

}  // namespace

extern "C" {

/// Reads a .npy file of two axes and writes what it holds to another one.
char const* copy_npy(char const* type, char const* from, char const* to) {
  return text_of_error(
      [&] { with_type(type, [&]<class T>(T) { ls::io::save_npy(to, ls::io::load_npy<T, 2>(from)); }); });
}

/// The same for every member of an .npz file.
char const* copy_npz(char const* type, char const* from, char const* to) {
  return text_of_error([&] {
    with_type(type, [&]<class T>(T) {
      ls::io::npz_reader const reader(from);
      ls::io::npz_writer writer(to);
      for (std::string const& name : reader.names()) writer.add(name, reader.load<T, 2>(name));
      writer.finish();
    });
  });
}

/// Takes a tensor of two axes over, adds it to itself in place, and gives its memory away again.
char const* twice(char const* type, ls::dlpack::managed_tensor* given, ls::dlpack::managed_tensor** result) {
  return text_of_error([&] {
    with_type(type, [&]<class T>(T) {
      auto x = ls::from_dlpack<T, 2>(given);
      if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) x = ls::cast<T>(x + x);
      *result = ls::to_dlpack(x);
    });
  });
}
}
