// Evens out the brightness of a picture (PGM or PPM, binary): a histogram, its scan, and a gather through a table.
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
ls::array<int> brightness(picture const& image) {
  auto const channel = [&](ls::index c) {
    return ls::cast<int>(image.slice({0, 0, c}, {image.extent(0), image.extent(1), c + 1}));
  };
  ls::array<int, 3> gray;
  if (image.extent(2) == 3)
    gray = (77 * channel(0) + 150 * channel(1) + 29 * channel(2)) / 256;
  else
    gray = channel(0);
  return gray.reshape(ls::shape{image.extent(0) * image.extent(1)});
}

/// Adds to all channels of a pixel what its brightness lacks, so that all levels are about as frequent.
picture equalize(picture const& image) {
  ls::array<int> const gray = brightness(image);
  ls::array<ls::index> const below = ls::inclusive_scan(ls::bincount(gray, 256));
  ls::index const darkest = ls::min(ls::where(below > 0, below, ls::index(gray.size())));  // how many pixels
  float const scale = 255 / float(std::max<ls::index>(1, ls::index(gray.size()) - darkest));
  ls::array<int> const table = ls::cast<int>(ls::cast<float>(ls::max(below - darkest, ls::index(0))) * scale + 0.5f);
  auto const more = (ls::gather(table, gray) - gray).reshape(ls::shape{image.extent(0), image.extent(1), 1});
  return ls::cast<byte>(ls::clamp(ls::cast<int>(image) + more, 0, 255));
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
