// Where a result came from. Carried by every result and every exported file; two results are comparable when the fields
// that matter to the comparison are equal.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace graticule {

struct Provenance {
    std::string model_hash;  ///< SHA-256 over config and weights, hex
    std::string recipe_hash; ///< recipe_hash(): what the recipe does; empty: full precision
    std::string recipe_line; ///< the recipe in one line where it has such a form
    std::string data_hash;   ///< SHA-256 over the token ids that were used
    std::string data_name;   ///< file name, or the built-in text's name
    std::string protocol;    ///< how the data was cut: "gptq windows of 2048, 199 of 199, bos once"
    std::string device;      ///< "cpu", "cuda: NVIDIA H100 80GB HBM3"
    std::string host;        ///< name of the other machine that computed it; empty: this one
    std::string execution;   ///< compute type and arithmetic of the passes: "bfloat16"; empty: there were none
    std::string backend;     ///< kernel back end that quantized; of the model as it is, the device's
    std::string served_as;   ///< Target::name whose rounding of inputs was applied; empty: the recipe's own
    std::uint64_t seed = 0;
    /// Tokens of one product, where memory ran out and the passes went on with fewer than usual: the last digits depend
    /// on it. 0: as usual.
    std::int64_t product_tokens = 0;
    std::vector<std::pair<std::string, std::string>> versions; ///< program, LibTorch ...

    [[nodiscard]] std::string place() const { return host.empty() ? device : device + " on " + host; }
    bool operator==(const Provenance&) const = default;
};

/// This program's own version; engine/run_provenance.h adds the libraries that decide results.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> current_versions();

} // namespace graticule
