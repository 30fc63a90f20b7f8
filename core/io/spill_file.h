// Tensors that are to stay and would not fit in memory: their bytes lie in a file of this process without a name, which
// goes when the last of them goes. What is read of them comes from the system's page cache.
//
//     SpillFile spill(budget);
//     const HostTensor kept = spill.keep(tensor);   // in memory while the budget lasts, then in the file
#pragma once

#include <cstdint>
#include <memory>

#include "core/io/descriptor.h"
#include "core/tensor/host_tensor.h"

namespace graticule {

class SpillFile {
public:
    /// `budget`: bytes that may stay in memory. Nothing is opened before they are spent.
    explicit SpillFile(std::int64_t budget)
        : left_(budget) {}

    /// The tensor as it is, or one with the same bytes in the file. Throws Error{bad_input} naming the folder, what was
    /// needed and the system's reason.
    [[nodiscard]] HostTensor keep(HostTensor tensor);
    [[nodiscard]] std::int64_t spilled_bytes() const { return spilled_; }

private:
    std::int64_t left_;
    std::int64_t spilled_ = 0, end_ = 0;
    std::shared_ptr<const Descriptor> file_; ///< mappings keep it open
};

} // namespace graticule
