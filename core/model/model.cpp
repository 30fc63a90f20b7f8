#include "core/model/model.h"

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/io/checkpoint.h"
#include "core/io/content_hash.h"

namespace graticule {

std::string_view to_text(Role role) {
    switch (role) {
    case Role::q:
        return "q";
    case Role::k:
        return "k";
    case Role::v:
        return "v";
    case Role::o:
        return "o";
    case Role::gate:
        return "gate";
    case Role::up:
        return "up";
    case Role::down:
        return "down";
    case Role::fc1:
        return "fc1";
    case Role::fc2:
        return "fc2";
    case Role::head:
        return "head";
    }
    return "?";
}

Model::Model(Parts parts)
    : parts_(std::move(parts)) {
    if (!parts_.checkpoint) return;
    file_hash_ = std::make_shared<ContentHash>(parts_.checkpoint->files());
    file_hash_->look_up();
}

std::optional<LayerId> Model::find_linear(const std::string& name) const {
    for (const Linear& linear : parts_.linears)
        if (linear.name == name || linear.short_name == name) return linear.id;
    return std::nullopt;
}

std::int64_t Model::linear_parameter_count() const {
    std::int64_t count = 0;
    for (const Linear& linear : parts_.linears)
        count += element_count(linear.weight.shape) + (linear.bias ? element_count(linear.bias->shape) : 0);
    return count;
}

std::int64_t Model::parameter_count() const {
    std::int64_t count = linear_parameter_count() + element_count(parts_.embedding.shape);
    const auto add = [&](const std::optional<HostTensor>& tensor) {
        if (tensor) count += element_count(tensor->shape);
    };
    const auto add_norm = [&](const Norm& norm) {
        if (!norm.present()) return;
        count += element_count(norm.weight.shape);
        add(norm.bias);
    };
    add(parts_.positions);
    add(parts_.project_in);
    add(parts_.project_out);
    add(parts_.head);
    add_norm(parts_.final_norm);
    for (const Block& block : parts_.blocks)
        for (const Norm* norm : {&block.attention_norm, &block.mlp_norm, &block.post_attention_norm,
                                 &block.post_mlp_norm, &block.query_norm, &block.key_norm})
            add_norm(*norm);
    return count;
}

namespace {

std::string hash_of_parts(const Model::Parts& parts) {
    Sha256 sha;
    sha.update(parts.embedding.bytes);
    for (const Linear& linear : parts.linears) {
        sha.update(linear.name);
        sha.update(linear.weight.bytes);
    }
    return sha.hex();
}

} // namespace

void Model::start_hashing() const {
    if (file_hash_) file_hash_->start();
}

std::optional<std::string> Model::known_hash() const {
    return file_hash_ ? file_hash_->known() : hash_of_parts(parts_);
}

std::string Model::hash(JobContext& ctx) const { return file_hash_ ? file_hash_->wait(ctx) : hash_of_parts(parts_); }

} // namespace graticule
