// Decoders beside each other: what the checkpoint gives both is loaded once, what is one's own is its own.
#include <QtTest/QTest>

#include "core/engine/engine.h"
#include "core/engine/resources.h"
#include "core/runtime/decoder.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

/// The stored weights, but one linear's, which it makes anew each time.
class OneDoubled final : public WeightSource {
public:
    explicit OneDoubled(LayerId layer)
        : layer_(layer) {}
    [[nodiscard]] HostTensor weight(const Linear& linear) const override {
        if (linear.id != layer_) return linear.weight;
        std::vector<float> values = to_floats(linear.weight);
        for (float& value : values) value *= 2;
        return HostTensor::from_floats(std::move(values), linear.weight.shape);
    }

private:
    LayerId layer_;
};

} // namespace

class TestSharedParameters : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void what_both_take_from_the_file_is_loaded_once() {
        JobContext ctx;
        const auto model = open_model(resolve_model_path("sample-llama"), ctx).model;
        const Block& block = model->blocks().front();
        const Decoder first(model, stored_weights(), open_device("cpu"));
        const Decoder second(first, std::make_shared<OneDoubled>(block.v));
        const BlockWeights a = first.load(block.id), b = second.load(block.id);
        for (const auto& [layer, tensors] : a.linears)
            QCOMPARE(tensors.weight.is_same(b.at(layer).weight), layer != block.v);
        QVERIFY(at::equal(a.at(block.v).weight * 2, b.at(block.v).weight));
        QVERIFY(a.norms.at(NormSlot::attention).weight.is_same(b.norms.at(NormSlot::attention).weight));
        // Another decoder of the same model shares nothing.
        const Decoder apart(model, stored_weights(), open_device("cpu"));
        QVERIFY(!apart.load(block.id).at(block.q).weight.is_same(a.at(block.q).weight));
    }

    /// What nobody holds any more is not kept, and bytes at a place where others were before are not taken for them.
    void nothing_is_kept() {
        JobContext ctx;
        const auto model = open_model(resolve_model_path("sample-llama"), ctx).model;
        ParameterLoader loader(model, open_device("cpu"));
        std::vector<float> place(4, 1.0F); // whose owner goes while its address stays
        const auto tensor_there = [&](const std::shared_ptr<const void>& owner) {
            return HostTensor{DType::f32, {4}, owner, std::as_bytes(std::span(place))};
        };
        auto owner = std::make_shared<int>(0);
        const at::Tensor before = loader.load("x", tensor_there(owner), at::kDouble);
        QVERIFY(loader.load("x", tensor_there(owner), at::kDouble).is_same(before));
        QVERIFY(!loader.load("x", tensor_there(owner), at::kFloat).is_same(before));
        owner = std::make_shared<int>(0);
        place.assign(4, 2.0F);
        QCOMPARE(loader.load("x", tensor_there(owner), at::kDouble)[0].item<double>(), 2.0);
        QCOMPARE(before[0].item<double>(), 1.0);
        const at::Tensor mapped = loader.load("x", tensor_there(owner), at::kHalf);
        const std::weak_ptr<int> watched = owner;
        owner.reset();
        QVERIFY(watched.expired()); // the loader holds no bytes either
    }
};

GRATICULE_TEST(TestSharedParameters);
#include "tst_shared_parameters.moc"
