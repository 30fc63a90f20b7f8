#include "core/export/stored_weights.h"

#include "core/export/compressed_tensors.h"
#include "core/export/packed.h"

namespace graticule {

std::shared_ptr<const Checkpoint> decode_stored_weights(std::shared_ptr<const Checkpoint> checkpoint) {
    if (const std::string packed = packed_description(*checkpoint); !packed.empty())
        return decode_packed(std::move(checkpoint), packed);
    return decode_compressed_tensors(std::move(checkpoint));
}

std::shared_ptr<const Checkpoint> read_back_folder(const std::filesystem::path& folder) {
    return decode_stored_weights(open_checkpoint(folder));
}

} // namespace graticule
