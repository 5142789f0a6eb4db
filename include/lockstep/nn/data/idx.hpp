// Opens the data sets that ship as four IDX files: MNIST, Fashion-MNIST and their relatives.
#pragma once

#include <sys/stat.h>

#include "../../io/idx.hpp"
#include "dataset.hpp"

namespace lockstep::nn::data {

/// Which part of a data set.
enum class part { train, test };
inline constexpr part train = part::train;
inline constexpr part test = part::test;

namespace detail {

inline bool exists(std::string const& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0;
}

// The plain file if it is there, otherwise the packed one.
inline std::string find_idx(std::string const& folder, std::string const& name) {
  std::string const plain = folder + "/" + name, packed = plain + ".gz";
  if (exists(plain)) return plain;
  if (exists(packed)) return packed;
  std::string const found =
      exists(folder) ? "the folder holds neither " + name + " nor " + name + ".gz" : "there is no such folder";
  throw error("no data set in " + folder + ": " + found +
              ". Give the folder of a data set in IDX files; for Fashion-MNIST install the Debian package "
              "dataset-fashion-mnist, which puts it into /usr/share/datasets/fashion-mnist");
}

}  // namespace detail

/// Reads images and labels from the IDX files in `folder`, plain or packed with gzip:
/// train-images-idx3-ubyte and train-labels-idx1-ubyte, or t10k-… for the test part.
/// Throws lockstep::error when they are not there, format_error when they are damaged or do not belong together.
inline dataset idx(std::string const& folder, part which) {
  std::string const prefix = which == part::train ? "train" : "t10k";
  std::string const image_file = detail::find_idx(folder, prefix + "-images-idx3-ubyte");
  std::string const label_file = detail::find_idx(folder, prefix + "-labels-idx1-ubyte");
  auto images = io::read_idx<std::uint8_t>(image_file, 3);
  auto labels = io::read_idx<std::uint8_t>(label_file, 1);
  if (images.extents[0] != labels.extents[0])
    throw format_error(label_file, 4,
                       "found " + std::to_string(labels.extents[0]) + " labels, expected " +
                           std::to_string(images.extents[0]) + ", one for each image in " + image_file);
  return dataset(shape(images.extents[1], images.extents[2], index{1}), std::move(images.values),
                 std::move(labels.values));
}

}  // namespace lockstep::nn::data
