#include "core/model/model.h"

#include <mutex>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/io/checkpoint.h"
#include "core/io/mapped_file.h"

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

struct Model::HashOnce {
    std::once_flag once;
    std::string value;
};

std::shared_ptr<Model::HashOnce> Model::make_hash_once() { return std::make_shared<HashOnce>(); }

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

const std::string& Model::hash() const {
    std::call_once(hash_->once, [this] {
        Sha256 sha;
        if (parts_.checkpoint) {
            // Names without folders: the same model has the same hash wherever it lies.
            for (const std::filesystem::path& path : parts_.checkpoint->files()) {
                sha.update(path.filename().string());
                sha.update(MappedFile::open(path)->bytes());
            }
        } else {
            sha.update(parts_.embedding.bytes);
            for (const Linear& linear : parts_.linears) {
                sha.update(linear.name);
                sha.update(linear.weight.bytes);
            }
        }
        hash_->value = sha.hex();
    });
    return hash_->value;
}

} // namespace graticule
