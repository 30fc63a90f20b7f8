// Layers of a mixed recipe do not change each other: what one method needs of the forward passes (quantized inputs, one
// site after another, another length) is not what the others get.
#include <QtTest/QTest>

#include "core/engine/engine.h"
#include "core/recipe/hardware_cost.h"
#include "tests/support/test_main.h"

using namespace graticule;

namespace {

const char* const scheme = "w=int4/asym/g64 a=int8/sym/token ";

Rule rule(const std::string& pattern, const std::string& methods) {
    return {pattern, false, parse_scheme_line(scheme + methods)};
}

} // namespace

class TestMixedRecipes : public QObject {
    Q_OBJECT

    std::map<QString, OpenedModel> models_;
    std::map<QString, std::shared_ptr<const ActivationStats>> stats_;

    /// `rules` for some layers, the rest as it is.
    std::shared_ptr<const QuantizedModel> quantized(const QString& model, std::vector<Rule> rules) {
        Recipe recipe;
        recipe.defaults = parse_scheme_line("none");
        recipe.rules = std::move(rules);
        const Resolution resolution = resolve(recipe, *models_.at(model).model);
        if (!resolution.resolved) throw Error(ErrorKind::bad_input, resolution.diagnostics.text());
        JobContext ctx;
        return quantize(models_.at(model).model, stats_.at(model), *resolution.resolved, ctx);
    }
    static void add_models() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("methods");
    }

private Q_SLOTS:
    void initTestCase() {
        for (const char* name : {"opt", "llama"}) {
            JobContext ctx;
            OpenedModel& opened = models_[name];
            opened = open_model(std::filesystem::path(GRATICULE_SOURCE_DIR) / "resources/samples" /
                                    ("sample-" + std::string(name)),
                                ctx);
            CalibrationSpec spec;
            spec.samples = 2;
            spec.length = 64;
            stats_[name] = calibrate(*opened.model, *opened.tokenizer, spec, ctx);
        }
    }

    /// Every linear of the first block with a method of its own: nothing was quantized before it, so each gets what it
    /// would get if its method had the block for itself.
    void of_the_first_block_equal_their_single_ones_data() {
        QTest::addColumn<QString>("model");
        for (const auto& [name, model] : models_) QTest::newRow(qPrintable(name)) << name;
    }
    void of_the_first_block_equal_their_single_ones() {
        QFETCH(QString, model);
        const std::string methods[] = {"gptq",
                                       "dgq",
                                       "gptq:quantized_inputs=true",
                                       "clip:grid=4 gptq:length=32",
                                       "mse dgq:length=32",
                                       "clip:grid=4 lorc:rank=4",
                                       "keep:percent=2 gptq:act_order=true"};
        const Model& opened = *models_.at(model).model;
        std::vector<Rule> rules;
        std::size_t count = 0;
        for (const Linear& linear : opened.linears())
            if (index_of(linear.block) == 0) rules.push_back(rule(linear.short_name, methods[count++]));
        QVERIFY(count >= 6);
        const auto mixed = quantized(model, rules);
        for (std::size_t i = 0; i < count; ++i) {
            const auto single = quantized(model, {rule("layers.0.*", methods[i])});
            const LayerId layer = *opened.find_linear(rules[i].pattern);
            QVERIFY2(effective_weight(*mixed, layer) == effective_weight(*single, layer), methods[i].c_str());
        }
    }

    /// GPTQ in the first two blocks; the last linear of the second with another method changes no other linear.
    void of_later_blocks_leave_the_others_data() {
        add_models();
        for (const auto& [name, model] : models_)
            for (const char* methods : {"dgq", "gptq:quantized_inputs=true", "gptq:true_sequential=true",
                                        "clip:grid=4 gptq:length=32", "none"})
                QTest::addRow("%s %s", qPrintable(name), methods) << name << methods;
    }
    void of_later_blocks_leave_the_others() {
        QFETCH(QString, model);
        QFETCH(QString, methods);
        const Model& opened = *models_.at(model).model;
        const Block& second = opened.blocks().at(1);
        const std::vector<Rule> plain = {rule("layers.0.*", "gptq"), rule("layers.1.*", "gptq")};
        std::vector<Rule> changed = plain;
        changed.push_back(
            rule(opened.linear(second.mlps.front().down).short_name, methods == "none" ? "" : methods.toStdString()));
        const auto expected = quantized(model, plain), mixed = quantized(model, changed);
        for (const Linear& linear : opened.linears()) {
            if (index_of(linear.block) > 1) continue;
            const bool same = effective_weight(*mixed, linear.id) == effective_weight(*expected, linear.id);
            QVERIFY2(same == (linear.id != second.mlps.front().down), linear.short_name.c_str());
        }
    }

    /// OPT multiplies 4 d x d in attention and 2 x 4 d x d in the MLP: a third and two thirds.
    void cost_in_hardware_is_the_mean_over_multiplications() {
        const Model& model = *models_.at("opt").model;
        Recipe recipe;
        recipe.defaults = parse_scheme_line("w=int8/asym/channel a=int8/sym/token");
        recipe.rules = {{"*attn*", false, parse_scheme_line("w=dint4/asym/channel a=int8/sym/token")}};
        const auto mixed = hardware_cost(model, LayerRules(recipe));
        const MacUnit* unit = mac_unit_of(recipe.rules[0].choice.scheme);
        QVERIFY(mixed && unit);
        QCOMPARE(mixed->area, (unit->area + 2) / 3);
        QCOMPARE(mixed->power, (unit->power + 2) / 3);
        // Inputs in 16 bits: no unit, and so no figure for the model.
        recipe.rules[0].choice = parse_scheme_line("w=int4/asym/g64");
        QVERIFY(!hardware_cost(model, LayerRules(recipe)));
    }
};

GRATICULE_TEST(TestMixedRecipes);
#include "tst_mixed_recipes.moc"
