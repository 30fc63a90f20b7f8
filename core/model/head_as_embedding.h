// Checkpoints of tied models that store the one matrix under the head's name.
#pragma once

#include <memory>
#include <string>

#include "core/io/checkpoint.h"

namespace graticule {

/// The same checkpoint with the tensor `head` called `embedding`.
[[nodiscard]] std::shared_ptr<const Checkpoint> head_as_embedding(std::shared_ptr<const Checkpoint> stored,
                                                                  std::string head, std::string embedding);

} // namespace graticule
