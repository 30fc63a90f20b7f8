// A checkpoint seen through another: what the two share. Private to core/export.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/io/checkpoint.h"

namespace graticule {

class WrappedCheckpoint : public Checkpoint {
public:
    explicit WrappedCheckpoint(std::shared_ptr<const Checkpoint> stored)
        : stored_(std::move(stored)) {}

    [[nodiscard]] const std::string& config_json() const override { return stored_->config_json(); }
    [[nodiscard]] std::filesystem::path folder() const override { return stored_->folder(); }
    [[nodiscard]] std::vector<std::filesystem::path> files() const override { return stored_->files(); }
    [[nodiscard]] std::vector<std::string> warnings() const override { return stored_->warnings(); }
    [[nodiscard]] std::shared_ptr<const Tokenizer> tokenizer() const override { return stored_->tokenizer(); }

protected:
    [[nodiscard]] const Checkpoint& stored() const { return *stored_; }

private:
    std::shared_ptr<const Checkpoint> stored_;
};

} // namespace graticule
