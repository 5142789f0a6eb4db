// Evens out the brightness of a picture (PGM or PPM, binary): a histogram, its scan, and a pass through a table.
// Usage: histogram_equalization [INPUT [OUTPUT]]. Without INPUT it makes a picture, too dark, of its own.
#include "openmp/histogram_equalization.hpp"
#include "example.hpp"

#include <algorithm>
#include <filesystem>
#include <lockstep/io/input.hpp>
#include <lockstep/io/output.hpp>

namespace ls = lockstep;

namespace {

using byte = unsigned char;
using picture = ls::array<byte, 3>;  // rows, columns, and 1 (gray) or 3 (red, green, blue) channels

/// Reads the parts of a header: numbers between white space, and comments from # to the end of a line.
class header_reader {
 public:
  explicit header_reader(ls::io::input& file) : file_(file) {}
  char next() {
    char c = 0;
    file_.read(&c, 1, "the header");
    return c;
  }
  ls::index number(char const* what, ls::index most) {
    char c = next();
    while (c == ' ' || (c >= '\t' && c <= '\r') || c == '#') {
      while (c == '#')
        while ((c = next()) != '\n') {
        }
      c = next();
    }
    ls::index value = 0;
    for (; c >= '0' && c <= '9' && value <= most; c = next()) value = 10 * value + (c - '0');
    bool const ended = c == ' ' || (c >= '\t' && c <= '\r');  // exactly one of these follows
    if (!ended || value < 1 || value > most)
      throw ls::format_error(file_.name(), file_.offset() - 1,
                             std::string("found no ") + what + ", expected a number from 1 to " + std::to_string(most));
    return value;
  }

 private:
  ls::io::input& file_;
};

/// Throws format_error, which names the file and the byte, for what is no complete binary PGM or PPM with 8 bits.
picture read_picture(ls::device const& dev, std::string const& path) {
  ls::io::input file(path);
  header_reader header(file);
  char const p = header.next(), kind = header.next();
  if (p != 'P' || (kind != '5' && kind != '6'))
    throw ls::format_error(path, 0, "found no picture, expected a file that begins with P5 (PGM) or P6 (PPM)");
  ls::index const width = header.number("width", 1 << 20), height = header.number("height", 1 << 20);
  if (header.number("largest value", 65535) != 255)
    throw ls::format_error(path, file.offset(), "found another largest value than 255, the only one that is read here");
  ls::shape<3> const extents(height, width, kind == '6' ? 3 : 1);
  if (extents.size() > file.size_limit())
    throw ls::format_error(path, file.offset(),
                           "the file is shorter than its " + std::to_string(extents.size()) + " pixels");
  std::vector<byte> pixels(extents.size());
  file.read(pixels.data(), pixels.size(), "pixels");
  file.expect_end();
  return {dev, extents, pixels};
}

void write_picture(std::string const& path, picture const& image) {
  ls::io::replacement file(path);
  std::string const header = std::string(image.extent(2) == 3 ? "P6\n" : "P5\n") + std::to_string(image.extent(1)) +
                             " " + std::to_string(image.extent(0)) + "\n255\n";
  file.write(header.data(), header.size());
  std::vector<byte> const pixels = image.to_host();
  file.write(pixels.data(), pixels.size());
  file.commit();
}

/// The brightness of every pixel; green counts most.
template <int Channels>
struct find_brightness {
  LOCKSTEP_FN void operator()(ls::index i, ls::view<byte const> pixels, ls::view<byte> gray) const {
    if constexpr (Channels == 3)
      gray[i] = static_cast<byte>((77 * pixels[3 * i] + 150 * pixels[3 * i + 1] + 29 * pixels[3 * i + 2]) / 256);
    else
      gray[i] = pixels[i];
  }
};

/// Adds to all channels of a pixel what the table says of its brightness.
template <int Channels>
struct change_pixels {
  LOCKSTEP_FN void operator()(ls::index i, ls::view<byte const> pixels, ls::view<byte const> gray,
                              ls::view<int const> table, ls::view<byte> result) const {
    int const more = table[gray[i]];
    for (int c = 0; c < Channels; ++c) {
      int const wanted = pixels[Channels * i + c] + more;
      result[Channels * i + c] = static_cast<byte>(wanted < 0 ? 0 : wanted > 255 ? 255 : wanted);
    }
  }
};

/// What a pixel of each brightness lacks, so that all levels become about as frequent.
ls::array<int> equalizing_table(ls::array<byte> const& gray) {
  ls::array<ls::index> const below = ls::inclusive_scan(ls::bincount(gray, 256));
  ls::index const darkest = ls::min(ls::where(below > 0, below, ls::index(gray.size())));  // how many pixels
  float const scale = 255 / float(std::max<ls::index>(1, ls::index(gray.size()) - darkest));
  auto const level = ls::cast<int>(ls::cast<float>(ls::max(below - darkest, ls::index(0))) * scale + 0.5f);
  return level - ls::arange<int>(gray.device(), 256);
}

/// The pixels of a picture, all channels of each in turn, with brightness evened out.
template <int Channels>
void equalize(ls::array<byte, 3> const& image, ls::array<byte, 3>& result) {
  ls::index const n = image.extent(0) * image.extent(1);
  auto const pixels = image.reshape(ls::shape{n * Channels});
  ls::array<byte> gray(image.device(), ls::shape{n});
  ls::launch(image.device(), ls::elements(n), find_brightness<Channels>{}, pixels, gray);
  ls::array<int> const table = equalizing_table(gray);
  ls::launch(image.device(), ls::elements(n), change_pixels<Channels>{}, pixels, gray, table,
             result.reshape(ls::shape{n * Channels}));
}
picture equalize(picture const& image) {
  picture result(image.device(), image.shape());
  image.extent(2) == 3 ? equalize<3>(image, result) : equalize<1>(image, result);
  return result;
}

/// Waves of color, all of them dark.
picture dark_picture(ls::device const& dev, ls::index height, ls::index width) {
  picture image(dev, ls::shape{height, width, 3});
  auto const at = [&](std::size_t axis) { return ls::cast<float>(ls::indices(image.shape(), ls::axis(axis))); };
  image = ls::cast<byte>(40.0f + 30.0f * ls::sin(0.011f * at(0) + at(2)) * ls::sin(0.017f * at(1)));
  return image;
}

/// A file that ends too early must be found out.
void check_damaged(ls::device const& dev, std::string const& path) {
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  bool found = false;
  try {
    read_picture(dev, path);
  } catch (ls::format_error const&) {
    found = true;
  }
  example::require(found, "a picture that is cut off was read");
}

void even_out(example::options const& o) {
  auto const temporary = std::filesystem::temp_directory_path() / ("picture-" + std::to_string(::getpid()) + ".ppm");
  bool const given = !o.rest.empty();
  std::string const path = given ? o.rest[0] : temporary.string();
  if (!given) write_picture(path, dark_picture(o.device, o.size(4000, 300), o.size(6000, 401)));
  picture const image = read_picture(o.device, path);
  if (!given) check_damaged(o.device, path);
  if (!given) std::filesystem::remove(path);

  picture result;
  double const seconds = example::seconds_of(o.device, [&] { result = equalize(image); });
  std::printf("%lld x %lld pixels (%s)\n", static_cast<long long>(image.extent(1)),
              static_cast<long long>(image.extent(0)), o.device.name().c_str());
  example::report("equalization", seconds, double(image.extent(0) * image.extent(1)), "pixels");
  std::printf("  mean %.1f, before %.1f\n", double(ls::mean(result)), double(ls::mean(image)));
  if (o.rest.size() > 1) write_picture(o.rest[1], result);

  std::vector<byte> const pixels = image.to_host(), found = result.to_host();
  std::vector<byte> expected(pixels.size());
  auto const openmp = [&] {
    image.extent(2) == 3 ? openmp::equalize<3>(pixels, expected) : openmp::equalize<1>(pixels, expected);
  };
  openmp();
  for (std::size_t i = 0; i < found.size(); ++i)  // rounding of a table entry may differ by one
    example::require(std::abs(found[i] - expected[i]) <= 1, "pixel value " + std::to_string(i));
  example::compare(
      o, "equalization", [&] { result = equalize(image); }, openmp);
}

}  // namespace

int main(int argc, char** argv) { return example::run(argc, argv, {"INPUT", "OUTPUT"}, even_out); }
