#include "core/method/solvers/fixed_sums.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/cancel_point.h"
#include "core/runtime/fixed_products.h"

namespace graticule::solvers {
namespace {

thread_local bool tf32_products = false;

/// The lower triangular L with L L^T = matrix, in place; what lies above the diagonal tiles is left over. False: not
/// positive definite.
bool factor_in_place(at::Tensor& matrix) {
    const std::int64_t count = tiles(matrix.size(0));
    for (std::int64_t k = 0; k < count; ++k) {
        at::Tensor diagonal = tile_of(tile_of(matrix, 0, k), 1, k);
        bool positive = false;
        each_alone(1, [&](std::int64_t) {
            const auto [lower, failed] = at::linalg_cholesky_ex(diagonal);
            positive = failed.item<int>() == 0;
            diagonal.copy_(lower);
        });
        if (!positive) return false;
        each_alone(count - k - 1, [&](std::int64_t i) {
            at::Tensor below = tile_of(tile_of(matrix, 0, k + 1 + i), 1, k);
            below.copy_(at::linalg_solve_triangular(diagonal.t(), below, /*upper=*/true, /*left=*/false));
        });
        const std::int64_t rest = count - k - 1;
        each_alone(rest * rest, [&](std::int64_t i) {
            const std::int64_t row = k + 1 + i / rest, column = k + 1 + i % rest;
            if (column > row) return;
            tile_of(tile_of(matrix, 0, row), 1, column)
                .addmm_(tile_of(tile_of(matrix, 0, row), 1, k), tile_of(tile_of(matrix, 0, column), 1, k).t(), 1, -1);
        });
    }
    return true;
}

/// Rows of a tile of columns between two cancel points: some milliseconds.
constexpr std::int64_t solved_rows = 2048;

/// L^-1 of a lower triangular matrix, a tile of columns at a time: nothing above their own rows.
at::Tensor inverse_of_lower(const at::Tensor& lower) {
    at::Tensor inverse = at::zeros_like(lower);
    const std::int64_t count = tiles(lower.size(0)), size = lower.size(0);
    each_alone(count, [&](std::int64_t column) { // the longest first
        const std::int64_t first = column * product_tile;
        at::Tensor out = tile_of(inverse.slice(0, first, size), 1, column),
                   rest = at::zeros(out.sizes(), out.options());
        rest.diagonal().fill_(1);
        const auto panel_of = [&](std::int64_t from, std::int64_t to, std::int64_t top, std::int64_t end) {
            return lower.slice(0, from, to).slice(1, top, end);
        };
        for (std::int64_t top = first; top < size; top += solved_rows) {
            cancel_point();
            const std::int64_t end = std::min(top + solved_rows, size);
            at::Tensor rows = rest.slice(0, top - first, end - first);
            rows.copy_(at::linalg_solve_triangular(panel_of(top, end, top, end), rows, /*upper=*/false));
            for (std::int64_t below = end; below < size; below += solved_rows) {
                cancel_point();
                const std::int64_t until = std::min(below + solved_rows, size);
                rest.slice(0, below - first, until - first).addmm_(panel_of(below, until, top, end), rows, 1, -1);
            }
        }
        out.copy_(rest);
    });
    return inverse;
}

} // namespace

Tf32Products::Tf32Products(bool allowed)
    : before_(std::exchange(tf32_products, allowed)) {}
Tf32Products::~Tf32Products() { tf32_products = before_; }

at::Tensor product(const at::Tensor& a, const at::Tensor& b) {
    if (!a.is_cpu()) {
        std::optional<Tf32> rounded;
        if (tf32_products) rounded.emplace();
        return at::mm(a, b);
    }
    const at::Tensor result = at::empty({a.size(0), b.size(1)}, a.options());
    multiply_by_tiles(result, a, b, 0, 1);
    return result;
}

at::Tensor products(const at::Tensor& a, const at::Tensor& b) {
    if (!a.is_cpu()) {
        std::optional<Tf32> rounded;
        if (tf32_products) rounded.emplace();
        return at::bmm(a, b);
    }
    at::Tensor result = at::empty({a.size(0), a.size(1), b.size(2)}, a.options());
    if (a.size(0) == 1) {
        multiply_by_tiles(result[0], a[0], b[0], 0, 1);
        return result;
    }
    const std::int64_t down = tiles(result.size(1));
    each_alone(result.size(0) * down, [&](std::int64_t i) {
        at::Tensor out = tile_of(result[i / down], 0, i % down);
        at::mm_out(out, tile_of(a[i / down], 0, i % down), b[i / down]);
    });
    return result;
}

void subtract_product(at::Tensor target, const at::Tensor& a, const at::Tensor& b) {
    if (target.is_cpu())
        multiply_by_tiles(target, a, b, 1, -1);
    else
        target.addmm_(a, b, 1, -1);
}

void add_gram(at::Tensor& sum, const at::Tensor& rows) {
    if (!sum.is_cpu()) {
        sum.addmm_(rows.t(), rows);
        return;
    }
    const std::int64_t count = tiles(sum.size(0));
    each_alone(count * count, [&](std::int64_t i) { // half of it, and the mirror of that
        const std::int64_t row = i / count, column = i % count;
        if (column < row) return;
        at::Tensor out = tile_of(tile_of(sum, 0, row), 1, column);
        out.addmm_(tile_of(rows, 1, row).t(), tile_of(rows, 1, column));
        if (column > row) tile_of(tile_of(sum, 0, column), 1, row).copy_(out.t());
    });
}

at::Tensor mean_gram(const at::Tensor& inputs) {
    at::Tensor gram = at::zeros({inputs.size(1), inputs.size(1)}, inputs.options());
    add_gram(gram, inputs);
    return gram.div_(static_cast<double>(inputs.size(0)));
}

at::Tensor sum_of(const at::Tensor& values) {
    constexpr std::int64_t run = 4096; // one thread adds a row, and all of fewer than 32768 elements
    if (!values.is_cpu()) return values.sum(at::kDouble);
    at::Tensor rest = values.reshape({-1});
    while (rest.numel() > run) {
        const std::int64_t whole = rest.numel() / run * run;
        const at::Tensor sums = rest.slice(0, 0, whole).view({-1, run}).sum(at::IntArrayRef{1}, false, at::kDouble);
        rest = whole < rest.numel() ? at::cat({sums, rest.slice(0, whole).sum(at::kDouble).view({1})}) : sums;
    }
    return rest.sum(at::kDouble);
}

double total(const at::Tensor& values) { return sum_of(values).item<double>(); }

double mean_square(const at::Tensor& values) { return total(values.square()) / static_cast<double>(values.numel()); }

/// With J the reversal of rows and columns, J A J = L L^T gives A = R R^T for the upper triangular R = J L J, hence
/// A^-1 = (R^-1)^T R^-1: one factorization and one inverse of a triangle.
at::Tensor inverse_factor(const at::Tensor& matrix) {
    at::Tensor reversed = matrix.flip({0, 1}), inverse;
    if (matrix.is_cpu()) {
        if (!factor_in_place(reversed)) return {};
        inverse = inverse_of_lower(reversed);
    } else {
        const auto [lower, failed] = at::linalg_cholesky_ex(reversed);
        if (failed.item<int>() != 0) return {};
        inverse = at::linalg_solve_triangular(lower, at::eye(matrix.size(0), matrix.options()), /*upper=*/false);
    }
    const at::Tensor upper = inverse.flip({0, 1});
    return at::isfinite(upper).all().item<bool>() ? upper : at::Tensor();
}

} // namespace graticule::solvers
