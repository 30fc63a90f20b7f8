#include "core/model/head_as_embedding.h"

#include <algorithm>
#include <utility>

namespace graticule {
namespace {

class Renamed final : public Checkpoint {
public:
    Renamed(std::shared_ptr<const Checkpoint> stored, std::string head, std::string embedding)
        : stored_(std::move(stored))
        , head_(std::move(head))
        , embedding_(std::move(embedding)) {}

    [[nodiscard]] std::vector<std::string> tensor_names() const override {
        std::vector<std::string> names = stored_->tensor_names();
        std::ranges::replace(names, head_, embedding_);
        return names;
    }
    [[nodiscard]] bool contains(const std::string& name) const override {
        return name != head_ && stored_->contains(there(name));
    }
    [[nodiscard]] HostTensor tensor(const std::string& name) const override { return stored_->tensor(there(name)); }
    [[nodiscard]] std::int64_t stored_bytes(const std::string& name) const override {
        return stored_->stored_bytes(there(name));
    }
    [[nodiscard]] std::filesystem::path file_of(const std::string& name) const override {
        return stored_->file_of(there(name));
    }
    [[nodiscard]] std::optional<StoredQuantization> stored_quantization() const override {
        return stored_->stored_quantization();
    }
    [[nodiscard]] const std::string& config_json() const override { return stored_->config_json(); }
    [[nodiscard]] std::filesystem::path folder() const override { return stored_->folder(); }
    [[nodiscard]] std::vector<std::string> warnings() const override { return stored_->warnings(); }
    [[nodiscard]] std::vector<std::filesystem::path> files() const override { return stored_->files(); }
    [[nodiscard]] std::string container() const override { return stored_->container(); }
    [[nodiscard]] std::shared_ptr<const Tokenizer> tokenizer() const override { return stored_->tokenizer(); }

private:
    [[nodiscard]] const std::string& there(const std::string& name) const { return name == embedding_ ? head_ : name; }

    std::shared_ptr<const Checkpoint> stored_;
    std::string head_, embedding_;
};

} // namespace

std::shared_ptr<const Checkpoint> head_as_embedding(std::shared_ptr<const Checkpoint> stored, std::string head,
                                                    std::string embedding) {
    return std::make_shared<Renamed>(std::move(stored), std::move(head), std::move(embedding));
}

} // namespace graticule
