#include "core/model/model.h"

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/io/checkpoint.h"
#include "core/io/content_hash.h"
#include "core/model/family.h"

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
    if (!parts_.checkpoint || parts_.checkpoint->files().empty()) return; // its tensors are hashed instead
    file_hash_ = std::make_shared<ContentHash>(parts_.checkpoint->files());
    file_hash_->look_up();
}

std::optional<LayerId> Model::find_linear(const std::string& name) const {
    for (const Linear& linear : parts_.linears)
        if (linear.name == name || linear.short_name == name) return linear.id;
    return std::nullopt;
}

const std::string& Model::source_name(const FoldSite& site) const {
    return site.linear ? linear(*site.linear).short_name : blocks().at(index_of(site.block)).norm(*site.norm).name;
}

void Model::check_positions(std::int64_t tokens) const {
    if (!parts_.positions || tokens <= config().max_positions) return;
    throw Error(ErrorKind::bad_input, std::to_string(tokens) + " tokens are more than the " +
                                          std::to_string(config().max_positions) +
                                          " positions this model has learned; use a shorter window");
}

std::int64_t Model::linear_parameter_count() const {
    std::int64_t count = 0;
    for (const Linear& linear : parts_.linears)
        count += element_count(linear.weight.shape) + (linear.bias ? element_count(linear.bias->shape) : 0);
    return count;
}

std::int64_t Model::parameter_count() const {
    std::int64_t count = 0;
    for_each_tensor(*this, [&](const ModelTensor& tensor) { count += element_count(tensor.values.shape); });
    return count;
}

void for_each_tensor(const Model& model, const std::function<void(const ModelTensor&)>& visit) {
    const auto plain = [&](const std::string& name, const HostTensor& values, const Linear* linear = nullptr) {
        visit({name, values, std::int64_t(values.bytes.size()), linear});
    };
    const auto add_norm = [&](const Norm& norm) {
        if (!norm.present()) return;
        plain(norm.name + ".weight", norm.weight);
        if (norm.bias) plain(norm.name + ".bias", *norm.bias);
    };
    const Model::Parts& parts = model.parts();
    const auto outer = [&](std::string_view name, const std::optional<HostTensor>& values) {
        if (values) plain(parts.prefix + std::string(name) + ".weight", *values);
    };
    const ModelFamily::Names& names = model.family().names;
    outer(names.embedding, parts.embedding);
    add_norm(parts.embedding_norm);
    outer(names.positions, parts.positions);
    outer(names.project_in, parts.project_in);
    for (const Linear& linear : parts.linears) {
        visit({linear.name + ".weight", linear.weight, linear.stored_bytes, &linear});
        if (linear.bias) plain(linear.name + ".bias", *linear.bias, &linear);
    }
    for (const Block& block : parts.blocks) {
        for (const Norm& each : block.norms) add_norm(each);
        if (block.router) plain(block.router->name + ".weight", block.router->weight);
    }
    add_norm(parts.final_norm);
    outer(names.project_out, parts.project_out);
    if (parts.head) plain(std::string(names.head) + ".weight", *parts.head);
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
