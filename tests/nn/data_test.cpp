// Data sets: loading, parts, standardization, and orders that visit every sample once.
#include <doctest/doctest.h>

#include <lockstep/nn/data/idx.hpp>
#include <lockstep/nn/data/shuffle.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "../io/temporary_folder.hpp"

namespace ls = lockstep;
namespace data = lockstep::nn::data;
using support::bytes;
using support::contains;
using support::message_of;

namespace {

data::dataset numbered(std::size_t samples, ls::shape<3> shape) {
  std::vector<std::uint8_t> images(samples * shape.size()), labels(samples);
  for (std::size_t i = 0; i < images.size(); ++i) images[i] = static_cast<std::uint8_t>(i * 37 % 251);
  for (std::size_t i = 0; i < samples; ++i) labels[i] = static_cast<std::uint8_t>(i % 10);
  return data::dataset(shape, images, labels);
}

// A data set of `samples` images of 2 x 3 in the way MNIST ships, with `labels` labels.
void write_files(support::temporary_folder const& folder, std::string const& prefix, std::uint8_t samples,
                 std::uint8_t labels) {
  bytes images = {0, 0, 8, 3, 0, 0, 0, samples, 0, 0, 0, 2, 0, 0, 0, 3};
  for (int i = 0; i < samples * 6; ++i) images.push_back(static_cast<unsigned char>(i));
  bytes label_file = {0, 0, 8, 1, 0, 0, 0, labels};
  for (int i = 0; i < labels; ++i) label_file.push_back(static_cast<unsigned char>(i % 10));
  support::write_packed(folder / (prefix + "-images-idx3-ubyte.gz"), images);
  support::write_file(folder / (prefix + "-labels-idx1-ubyte"), label_file);
}

}  // namespace

TEST_CASE("data: the two parts of a data set, packed or not") {
  support::temporary_folder folder;
  write_files(folder, "train", 5, 5);
  write_files(folder, "t10k", 3, 3);
  data::dataset const train = data::idx(folder.path(), data::train);
  CHECK(train.size() == 5);
  CHECK(train.sample_shape() == ls::shape{2, 3, 1});
  CHECK(train.image(4)[5] == 29);
  CHECK(train.label(4) == 4);
  CHECK(data::idx(folder.path(), data::test).size() == 3);
}

TEST_CASE("data: a missing data set says what to install") {
  support::temporary_folder folder;
  std::string const absent = message_of<ls::error>([] { data::idx("/no/such/folder", data::train); });
  CHECK(contains(absent, "/no/such/folder: there is no such folder"));
  CHECK(contains(absent, "install the Debian package dataset-fashion-mnist"));
  CHECK(contains(message_of<ls::error>([&] { data::idx(folder.path(), data::train); }),
                 "the folder holds neither train-images-idx3-ubyte nor train-images-idx3-ubyte.gz"));
}

TEST_CASE("data: images and labels must belong together") {
  support::temporary_folder folder;
  write_files(folder, "train", 5, 4);
  std::string const message = message_of<ls::format_error>([&] { data::idx(folder.path(), data::train); });
  CHECK(contains(message, folder / "train-labels-idx1-ubyte, byte 4: found 4 labels, expected 5"));
  std::filesystem::rename(folder / "train-labels-idx1-ubyte", folder / "t10k-labels-idx1-ubyte");
  std::filesystem::copy(folder / "t10k-labels-idx1-ubyte", folder / "t10k-images-idx3-ubyte");
  CHECK(contains(message_of<ls::format_error>([&] { data::idx(folder.path(), data::test); }),
                 "found 1 axes, expected 3"));
}

TEST_CASE("data: parts share the storage and keep within it") {
  data::dataset const all = numbered(20, ls::shape{2, 2, 1});
  CHECK(all.first(7).size() == 7);
  CHECK(all.first(7).image(3) == all.image(3));
  data::dataset const part = all.slice(5, 15).slice(2, 4);
  CHECK(part.size() == 2);
  CHECK(part.image(0) == all.image(7));
  CHECK(part.label(1) == 8);
  CHECK(part.labels().size() == 2);
  CHECK(part.labels()[0] == 7);
  CHECK(all.first(0).size() == 0);
  CHECK(data::dataset().labels().empty());
  CHECK(contains(message_of<ls::shape_error>([&] { all.first(21); }), "expected a range within 0 to 20"));
  CHECK_THROWS_AS(all.slice(3, 2), ls::shape_error);
  CHECK(contains(message_of<ls::shape_error>([] {
                   data::dataset(ls::shape{2, 2, 1}, bytes(9), bytes(2));
                 }),
                 "found 9 values for 2 labels, expected 4 values each"));
}

TEST_CASE("data: standardized channels have mean 0 and deviation 1") {
  for (ls::shape<3> const shape : {ls::shape{4, 5, 1}, ls::shape{3, 3, 3}}) {
    data::dataset const all = numbered(50, shape);
    auto const how = data::standardization::of(all);
    std::vector<float> images(all.size() * shape.size());
    bytes labels(all.size());
    data::gather(
        all, how, 50, [](ls::index i) { return i; }, images.data(), labels.data());
    CHECK(std::equal(labels.begin(), labels.end(), all.labels().begin()));
    auto const channels = static_cast<std::size_t>(shape[2]);
    for (std::size_t c = 0; c < channels; ++c) {
      double sum = 0, square = 0, n = 0;
      for (std::size_t i = c; i < images.size(); i += channels, ++n) {
        sum += images[i];
        square += double(images[i]) * images[i];
      }
      CHECK(std::abs(sum / n) < 1e-5);
      CHECK(std::abs(square / n - 1) < 1e-5);
    }
  }
}

TEST_CASE("data: a constant channel becomes 0 and an empty set is an error") {
  data::dataset const constant(ls::shape{1, 2, 1}, bytes{9, 9, 9, 9}, bytes{0, 1});
  float images[4] = {1, 1, 1, 1};
  std::uint8_t labels[2];
  data::gather(
      constant, data::standardization::of(constant), 2, [](ls::index i) { return 1 - i; }, images, labels);
  for (float value : images) CHECK(value == 0.0f);
  CHECK(labels[0] == 1);
  CHECK_THROWS_AS(data::standardization::of(constant.first(0)), ls::shape_error);
}

TEST_CASE("data: every order is a permutation, set by seed and epoch") {
  for (std::size_t n : {0u, 1u, 2u, 3u, 1000u}) {
    std::vector<ls::index> order(n, -1);
    data::shuffle(order, ls::seed(7), 3);
    std::set<ls::index> const distinct(order.begin(), order.end());
    CHECK(distinct.size() == n);
    if (n > 0) CHECK((*distinct.begin() == 0 && *distinct.rbegin() == static_cast<ls::index>(n) - 1));
  }
  std::vector<ls::index> a(1000), b(1000), c(1000), d(1000);
  data::shuffle(a, ls::seed(7), 3);
  data::shuffle(b, ls::seed(7), 3);
  data::shuffle(c, ls::seed(7), 4);
  data::shuffle(d, ls::seed(8), 3);
  CHECK(a == b);
  CHECK(a != c);
  CHECK(a != d);
}

TEST_CASE("data: the 24 orders of 4 samples are equally frequent") {
  constexpr int tries = 24'000;
  std::vector<std::vector<ls::index>> seen;
  for (int epoch = 0; epoch < tries; ++epoch) {
    std::vector<ls::index> order(4);
    data::shuffle(order, ls::seed(1), static_cast<std::uint64_t>(epoch));
    seen.push_back(order);
  }
  std::vector<ls::index> each = {0, 1, 2, 3};
  double chi_square = 0;
  do {
    auto const found = static_cast<double>(std::count(seen.begin(), seen.end(), each));
    chi_square += (found - tries / 24.0) * (found - tries / 24.0) / (tries / 24.0);
  } while (std::next_permutation(each.begin(), each.end()));
  CHECK(chi_square < 49.7);  // 23 degrees of freedom: exceeded by chance once in a thousand seeds
}
