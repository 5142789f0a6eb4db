// Trains a convolutional network on Fashion-MNIST, data-parallel on the CPU devices of this machine.
// Writes the curves of loss and accuracy (SVG), the numbers behind them (CSV), and a checkpoint.
#include <lockstep/lockstep.hpp>
#include <lockstep/nn.hpp>

#include <bit>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace ls = lockstep;
namespace nn = lockstep::nn;

using network = nn::sequential<nn::input<28, 28, 1>,  // height, width, channels
                               nn::conv2d<32, 3, nn::same>, nn::relu, nn::max_pool2d<2>, nn::conv2d<64, 3, nn::same>,
                               nn::relu, nn::max_pool2d<2>, nn::flatten, nn::linear<128>, nn::relu, nn::linear<10>>;

namespace {

struct options {
  ls::index epochs = 5, batch = 128;
  std::size_t devices = std::bit_floor(std::min(8u, std::max(1u, std::thread::hardware_concurrency())));
  float learning_rate = 0.05f;
  std::string data = "/usr/share/datasets/fashion-mnist", output = ".";
  bool brief = false, help = false;
};

char const* const usage =
    "Usage: fashion_mnist [options]\n"
    "Trains a convolutional network on Fashion-MNIST and writes fashion_mnist.svg, .csv and .lockstep.\n"
    "  --epochs N          passes over the 60 000 training images (5)\n"
    "  --batch N           images per step, over all devices together (128)\n"
    "  --devices N         CPU devices that share the machine's cores: 1, 2, 4 or 8 (as many as there are cores);\n"
    "                      the result has the same bits with any number of them\n"
    "  --learning-rate X   the highest rate, after half an epoch of warm-up; it falls along a cosine (0.05)\n"
    "  --data FOLDER       where the IDX files are (/usr/share/datasets/fashion-mnist)\n"
    "  --output FOLDER     where to write (.)\n"
    "  --short             a few seconds: one epoch of 1024 images\n"
    "  --help              this text\n";

/// Something is wrong with the command line.
struct usage_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class T>
T parse(std::string const& name, std::string const& text, T low, T high) {
  T value{};
  auto const [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || !(value >= low && value <= high))
    throw usage_error(name + ": found \"" + text + "\", expected a number from " + std::to_string(low) + " to " +
                      std::to_string(high));
  return value;
}

void set_option(options& o, std::string const& name, std::string const& value) {
  if (name == "--epochs")
    o.epochs = parse<ls::index>(name, value, 1, 10'000);
  else if (name == "--batch")
    o.batch = parse<ls::index>(name, value, 1, 60'000);
  else if (name == "--devices")
    o.devices = parse<std::size_t>(name, value, 1, 8);
  else if (name == "--learning-rate")
    o.learning_rate = parse<float>(name, value, 0, 100);
  else if (name == "--data")
    o.data = value;
  else if (name == "--output")
    o.output = value;
  else
    throw usage_error("found the option " + name);
}

options read_options(std::vector<std::string> const& arguments) {
  options result;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string const& argument = arguments[i];
    std::size_t const equals = argument.find('=');
    if (argument == "--help")
      result.help = true;
    else if (argument == "--short")
      result.brief = true;
    else if (equals != std::string::npos)
      set_option(result, argument.substr(0, equals), argument.substr(equals + 1));
    else if (i + 1 < arguments.size())
      set_option(result, argument, arguments[++i]);
    else
      throw usage_error("found " + argument + " without a value, or an option that there is not");
  }
  if (!std::has_single_bit(result.devices)) throw usage_error("--devices: expected 1, 2, 4 or 8");
  if (result.brief) result.epochs = 1;
  return result;
}

void report(nn::history const& epochs, options const& o, std::string const& base) {
  nn::epoch_summary const& last = epochs.back();
  double seconds = 0, arithmetic = 0;
  for (nn::epoch_summary const& e : epochs) {
    seconds += e.seconds;
    arithmetic += e.seconds * e.arithmetic_share;
  }
  std::printf("\nTest accuracy %.2f %% after %.1f s of training on %zu device%s.\n", 100 * last.test->accuracy, seconds,
              o.devices, o.devices > 1 ? "s" : "");
  std::printf(
      "Of the devices' time, %.1f %% went into arithmetic and %.1f %% into communication that it did not hide;\n"
      "%.2f MB were sent per step.\n",
      100 * arithmetic / seconds, 100 - 100 * arithmetic / seconds,
      1e-6 * static_cast<double>(last.bytes_sent_per_step));
  std::printf("Curves: %s.svg, numbers: %s.csv, checkpoint: %s.lockstep\n", base.c_str(), base.c_str(), base.c_str());
}

void run(options const& o) {
  auto train = nn::data::idx(o.data, nn::data::train), test = nn::data::idx(o.data, nn::data::test);
  if (o.brief) train = train.first(std::min<std::size_t>(train.size(), 1024));
  if (o.brief) test = test.first(std::min<std::size_t>(test.size(), 512));
  std::filesystem::create_directories(o.output);
  std::string const base = (std::filesystem::path(o.output) / "fashion_mnist").string();

  double const length = static_cast<double>(o.epochs);
  nn::trainer trainer(network(ls::seed(42)), nn::cross_entropy{}, nn::sgd{.momentum = 0.9f, .weight_decay = 5e-4f},
                      ls::mesh::cpu(o.devices),
                      {.batch = o.batch, .learning_rate = nn::warm_up(0.5, nn::cosine(o.learning_rate, length))});
  std::printf("%zu parameters, %zu training and %zu test images, batches of %lld, %zu CPU device%s\n\n",
              network::parameter_count, train.size(), test.size(), static_cast<long long>(o.batch), o.devices,
              o.devices > 1 ? "s" : "");
  nn::history const epochs = trainer.fit(train, {.epochs = o.epochs, .shuffle = ls::seed(7), .test = test});

  trainer.save(base + ".lockstep");
  nn::write_chart(base + ".svg", "A convolutional network learns Fashion-MNIST", epochs);
  ls::io::write_text(base + ".csv", nn::comma_separated(epochs));
  report(epochs, o, base);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    options const chosen = read_options({argv + 1, argv + argc});
    if (chosen.help)
      std::fputs(usage, stdout);
    else
      run(chosen);
    return 0;
  } catch (usage_error const& problem) {
    std::fprintf(stderr, "fashion_mnist: %s\n\n%s", problem.what(), usage);
    return 2;
  } catch (std::exception const& problem) {
    std::fprintf(stderr, "fashion_mnist: %s\n", problem.what());
    return 1;
  }
}
