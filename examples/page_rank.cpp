// PageRank of a generated graph whose in-degrees follow a power law: every step is a reduction over the incoming links
// of each page, which lie in segments. Checked against a plain loop; the ranks must sum to 1.
#include "openmp/page_rank.hpp"
#include "example.hpp"

namespace ls = lockstep;

namespace {

constexpr double damping = 0.85;

/// Links sorted by the page that they lead to: those into page p begin at offsets[p].
struct graph {
  ls::array<int> from;
  ls::array<ls::index> offsets;
  ls::array<ls::index> links_out;
};

/// Links between random pages; low numbers are linked to far more often, and many pages link to none.
graph power_law_graph(ls::device const& dev, ls::index pages, ls::index links) {
  auto const n = static_cast<std::size_t>(links);
  auto const skewed = [&](ls::seed s) -> ls::array<int> {
    auto const place = ls::random::uniform<float>(dev, n, s);
    return ls::clamp(ls::cast<int>(place * place * place * float(pages)), 0, static_cast<int>(pages - 1));
  };
  ls::array<int> to = skewed(ls::seed(1)), from = skewed(ls::seed(2));
  ls::array<ls::index> const offsets = ls::exclusive_scan(ls::bincount(to, pages + 1));
  ls::sort_by_key(to, from);
  return {from, offsets, ls::bincount(from, pages)};
}

/// Ranks after so many steps. A page gives its rank to the pages that it links to, one without links to all pages.
ls::array<double> page_rank(graph const& g, int steps) {
  std::size_t const pages = g.links_out.size();
  ls::device const dev = g.from.device();
  double const share = 1 / double(pages);
  ls::array<double> const per_link = ls::where(g.links_out > 0, 1 / ls::cast<double>(g.links_out), 0.0);
  ls::array<double> received = ls::full<double>(dev, pages, share), given(dev, received.shape());
  ls::array<double, 0> dangling = ls::full<double>(dev, ls::shape<0>{}, 0.0);
  // An expression: whoever reads the ranks computes them on the way, and they are never stored.
  auto const rank = [&] { return damping * (received + dangling * share) + (1 - damping) * share; };
  for (int s = 0; s < steps; ++s) {
    given = rank() * per_link;
    dangling = ls::array<double, 0>(ls::sum(ls::where(per_link == 0.0, rank(), 0.0)));
    received = ls::sum(ls::gather(given, g.from), ls::segments(g.offsets));
  }
  return rank();
}

void rank_pages(example::options const& o) {
  ls::index const pages = o.size(1'000'000, 5'000), links = o.size(10'000'000, 60'000);
  int const steps = static_cast<int>(o.size(30, 10));
  graph g;
  double const building = example::seconds_of(o.device, [&] { g = power_law_graph(o.device, pages, links); });
  ls::array<double> rank;
  double const ranking = example::seconds_of(o.device, [&] { rank = page_rank(g, steps); });

  ls::index const dangling = ls::count(g.links_out == 0);
  std::printf("%lld pages, %lld of them without links, %lld links, %d steps (%s)\n", static_cast<long long>(pages),
              static_cast<long long>(dangling), static_cast<long long>(links), steps, o.device.name().c_str());
  example::report("building the graph", building, double(links), "links");
  example::report("ranking", ranking, double(links) * steps, "links");
  std::printf("  the highest rank is %.6f, of page %lld\n", double(ls::max(rank)),
              static_cast<long long>(ls::argmax(rank)));

  openmp::graph const on_host{g.from.to_host(), g.offsets.to_host(), g.links_out.to_host()};
  std::vector<double> const expected = openmp::page_rank(on_host, steps, damping), found = rank.to_host();
  for (std::size_t p = 0; p < found.size(); ++p)
    example::require_close("rank of a page", found[p], expected[p], 1e-9 * expected[p]);
  example::require_close("sum of all ranks", ls::sum(rank), 1, 1e-9);
  example::compare(
      o, "ranking", [&] { page_rank(g, 5); }, [&] { openmp::page_rank(on_host, 5, damping); });
}

}  // namespace

int main(int argc, char** argv) { return example::run(argc, argv, {}, rank_pages); }
