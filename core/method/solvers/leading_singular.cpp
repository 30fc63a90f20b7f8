#include "core/method/solvers/leading_singular.h"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <tuple>
#include <vector>

#include "core/method/solvers/fixed_sums.h"
#include "core/runtime/fixed_products.h"

namespace graticule::solvers {
namespace {

constexpr std::int64_t most_at_once = 256; ///< directions that one space is searched for; the rest is then searched
constexpr std::int64_t spare = 16;         ///< of them more than are wanted: the last ones take the longest
constexpr std::int64_t least_space = 256;
constexpr std::int64_t most_decomposed = 512; ///< columns of a matrix whose Gram matrix is decomposed as a whole
constexpr int most_restarts = 100;
constexpr double negligible = 1e-8; ///< a square of a length, in parts of the largest: below, float32 has no digits

struct Eigen {
    at::Tensor values, vectors; ///< falling; float64, on the host
};

/// As wide as a space: a fraction of a second.
Eigen eigen_of(const at::Tensor& symmetric) {
    at::Tensor values, vectors;
    each_alone(1, [&](std::int64_t) { std::tie(values, vectors) = at::linalg_eigh(symmetric.cpu()); });
    return {values.flip(0), vectors.flip(1)};
}

at::Tensor exact_gram(const at::Tensor& x) {
    const at::Tensor exact = x.to(at::kDouble);
    return product(exact.t(), exact);
}

/// Orthonormal columns of the same span, without what lies in the span of `basis`, which is orthonormal: fewer where
/// nothing else is left.
at::Tensor orthonormal(at::Tensor block, const at::Tensor& basis) {
    const double before = exact_gram(block).diagonal().max().item<double>();
    for (int pass = 0; pass < 2; ++pass) { // the second takes what the first's rounding left
        if (basis.defined()) subtract_product(block, basis, product(basis.t(), block));
        const auto [values, vectors] = eigen_of(exact_gram(block));
        const double largest = values[0].item<double>();
        if (!(largest > 1e-12 * (pass == 0 ? before : 1))) return block.slice(1, 0, 0);
        const std::int64_t kept = (values > negligible * largest).sum().item<std::int64_t>();
        const at::Tensor turn = vectors.slice(1, 0, kept) * values.slice(0, 0, kept).rsqrt();
        block = product(block, turn.to(block.options()));
    }
    return block;
}

/// Directions (n, k) and what the matrix makes of them (m, k), the squares of whose lengths are `values`, falling.
struct Directions {
    at::Tensor x, image, values;
};

Directions best_of(const at::Tensor& space, const at::Tensor& image, std::int64_t most) {
    const auto [values, vectors] = eigen_of(exact_gram(image));
    const std::int64_t kept = std::min(most, values.size(0));
    const at::Tensor turn = vectors.slice(1, 0, kept).to(image.options());
    return {space.defined() ? product(space, turn) : turn, product(image, turn), values.slice(0, 0, kept)};
}

/// What each of the first `count` values has grown by, in parts of itself, at most.
double growth(const at::Tensor& before, const at::Tensor& now, std::int64_t count) {
    const std::int64_t both = std::min({count, before.size(0), now.size(0)});
    const at::Tensor old = before.slice(0, 0, both), values = now.slice(0, 0, both);
    return ((values - old) / values.clamp_min(values[0] * negligible)).max().item<double>();
}

/// Of `matrix` (m, n), m >= n. `enough`: a growth at which no further step is worth it.
Directions search(const at::Tensor& matrix, std::int64_t count, double enough) {
    const std::int64_t columns = matrix.size(1), width = count + spare;
    const std::int64_t most = std::max(least_space, 3 * width);
    if (columns <= std::max(most, most_decomposed)) return best_of({}, matrix, count);
    at::Generator seeded = at::detail::createCPUGenerator(20150430);
    const at::Tensor start = at::randn({matrix.size(0), width}, seeded, at::TensorOptions(at::kFloat));
    Directions found;
    found.x = orthonormal(product(matrix.t(), start.to(matrix.options())), {});
    if (found.x.size(1) == 0) return {found.x, at::empty({matrix.size(0), 0}, matrix.options()), at::empty({0})};
    found.image = product(matrix, found.x);
    for (int restart = 0; restart < most_restarts; ++restart) {
        at::Tensor space = found.x, image = found.image, last = found.image;
        bool whole = false;
        while (!whole && space.size(1) + width <= most) {
            const at::Tensor next = orthonormal(product(matrix.t(), last), space);
            whole = next.size(1) == 0; // the matrix leads nowhere else
            if (whole) break;
            last = product(matrix, next);
            space = at::cat({space, next}, 1);
            image = at::cat({image, last}, 1);
        }
        const at::Tensor before = found.values;
        found = best_of(space, image, width);
        if (whole || (before.defined() && growth(before, found.values, count) <= enough)) break;
    }
    return found;
}

/// `count` columns, zeros where there are fewer.
at::Tensor padded(const at::Tensor& x, std::int64_t count) { return at::constant_pad_nd(x, {0, count - x.size(-1)}); }

} // namespace

Singular leading_singular(const at::Tensor& matrix, std::int64_t rank) {
    const bool wide = matrix.size(0) < matrix.size(1);
    at::Tensor rest = wide ? matrix.t() : matrix;
    const std::int64_t wanted = std::min(rank, rest.size(1));
    std::vector<at::Tensor> images, directions, lengths;
    for (std::int64_t found = 0; found < wanted;) {
        const bool small = rest.size(1) <= 3 * (most_at_once + spare);
        const std::int64_t count = small ? wanted : std::min(wanted - found, most_at_once);
        const bool last = found + count == wanted;
        // What a search but the last misses, the next one finds in what is left.
        const Directions part = search(rest, count, last ? 1e-4 : 1e-2);
        const std::int64_t there = std::min(count, part.x.size(1));
        images.push_back(padded(part.image.slice(1, 0, there), count));
        directions.push_back(padded(part.x.slice(1, 0, there), count));
        lengths.push_back(padded(part.values.slice(0, 0, there).clamp_min(0).sqrt(), count).to(matrix.options()));
        found += count;
        if (last) break;
        if (found == count) rest = rest.clone();
        subtract_product(rest, images.back(), directions.back().t());
    }
    const at::Tensor s = at::cat(lengths);
    const at::Tensor order = s.argsort(/*stable=*/true, /*dim=*/0, /*descending=*/true);
    const at::Tensor sorted = s.index_select(0, order);
    const at::Tensor inverse = at::where(sorted > sorted[0] * 1e-7, sorted.reciprocal(), at::zeros_like(sorted));
    const at::Tensor left = at::cat(images, 1).index_select(1, order) * inverse;
    const at::Tensor right = at::cat(directions, 1).index_select(1, order);
    if (wide) return {right, sorted, left.t().contiguous()};
    return {left, sorted, right.t().contiguous()};
}

} // namespace graticule::solvers
