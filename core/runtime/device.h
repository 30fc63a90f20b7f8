// Where tensors live and which kernels work on them.
//
//     const Device device = open_device(ctx.device);            // "cpu", "cuda", "cuda:1"
//     device.kernels().fake_quantize(...);
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/api/backend.h"

namespace graticule {

class Device {
public:
    [[nodiscard]] const std::string& name() const { return name_; }   ///< "cpu", "cuda:0"
    [[nodiscard]] const std::string& label() const { return label_; } ///< "cuda: NVIDIA H100 80GB HBM3"; in provenance
    [[nodiscard]] bool is_cuda() const { return index_ >= 0; }
    [[nodiscard]] int index() const { return index_; } ///< of the card; -1: host memory
    /// The back end for this memory. Throws Error{device} saying what is missing when our CUDA module did not load, or has
    /// nothing for this card.
    [[nodiscard]] const Backend& kernels() const;
    [[nodiscard]] bool has_kernels() const { return backend_ != nullptr; }
    [[nodiscard]] std::int64_t free_bytes() const; ///< memory that could be taken now
    void start_peak() const;                       ///< of a card: `peak_bytes` counts from here
    [[nodiscard]] std::int64_t peak_bytes() const; ///< of a card: allocated by LibTorch at most; 0 on the CPU

private:
    friend Device open_device(const std::string& name);
    std::string name_ = "cpu";
    std::string label_ = "cpu";
    int index_ = -1;
    const Backend* backend_ = nullptr;
    std::string backend_problem_;
};

/// Throws Error{usage} as check_device_name does, Error{device} saying what is missing and the way out. The first CUDA
/// device loads LibTorch's CUDA library and our kernel module into the program.
[[nodiscard]] Device open_device(const std::string& name);

/// Starts LibTorch's workers of the calling thread, each of which has its own. Throws std::system_error where the system
/// has no more threads, which OpenMP by itself ends the program for.
void start_workers();

struct DeviceRow {
    std::string name;    ///< what open_device takes
    std::string label;   ///< for people
    std::string problem; ///< empty: usable
};
/// The CPU first, then the CUDA cards, or one row that says why there is none. Asks the driver alone: what LibTorch
/// needs for a card is loaded, and found missing, when a card is opened.
[[nodiscard]] std::vector<DeviceRow> list_devices();

/// LibTorch's, as in "2.11.0".
[[nodiscard]] std::string torch_version();

} // namespace graticule
