#include "app/session/run_names.h"

#include <QtCore/QFileInfo>
#include <QtCore/QObject>
#include <QtCore/QStringList>
#include <map>
#include <optional>
#include <set>

#include "widgets/models/compare_many_model.h"

namespace graticule {

namespace {
QString tr(const char* text) { return QObject::tr(text); }

QString file_name(const QString& path) { return QFileInfo(path).fileName(); }

/// What can tell runs apart beside their protocol, in the order in which it is said. Empty: nothing to say of this run.
using Attribute = QString (*)(const Run&);
constexpr Attribute attributes[] = {
    [](const Run& run) { return run.full_precision ? QString() : calibration_text(run.recipe.calibration); },
    [](const Run& run) {
        return run.evaluation ? QString::fromStdString(run.evaluation->provenance.device) : QString();
    },
    [](const Run& run) { // rules and ignored layers, which the line only counts
        Recipe alone = run.recipe;
        alone.calibration = {};
        return run.full_precision ? QString() : tr("recipe %1").arg(QString::fromStdString(recipe_hash(alone)).left(6));
    }};

/// What `attribute` says of each of `same`; empty where it says one thing of all of them.
std::vector<QString> told_apart(const std::vector<Run>& runs, const std::vector<std::size_t>& same,
                                Attribute attribute) {
    std::vector<QString> texts;
    std::set<QString> values;
    for (const std::size_t i : same)
        if (const QString value = texts.emplace_back(attribute(runs[i])); !value.isEmpty()) values.insert(value);
    return values.size() < 2 ? std::vector<QString>() : texts;
}
} // namespace

QString samples_text(const CalibrationSpec& spec) {
    QString text = tr("%1 × %2").arg(spec.samples).arg(spec.length);
    if (!spec.text.empty()) text += tr(" of %1").arg(file_name(QString::fromStdString(spec.text)));
    if (spec.pick == CalibrationSpec::Pick::random) text += tr(", random, seed %1").arg(spec.seed);
    return text;
}

QString calibration_text(const CalibrationSpec& spec) { return tr("calibrated %1").arg(samples_text(spec)); }

QString calibrations_text(const std::vector<const Run*>& compared) {
    QStringList each;
    std::optional<CalibrationSpec> first;
    bool differ = false;
    for (std::size_t i = 0; i < compared.size(); ++i) {
        if (compared[i]->full_precision) continue;
        const CalibrationSpec& spec = compared[i]->recipe.calibration;
        const QString text = each.isEmpty() ? tr("%1 was %2").arg(CompareManyModel::letter(i), calibration_text(spec))
                                            : tr("%1 %2").arg(CompareManyModel::letter(i), samples_text(spec));
        each << text;
        if (!first) first = spec;
        differ = differ || spec != *first;
    }
    return differ ? each.join(tr(", ")) : QString();
}

QString kept_text(const KeptLinears& kept) { return tr("%1 of %2 linears quantized").arg(kept.linears).arg(kept.of); }

QString protocol_text(const RunProtocol& protocol) {
    const EvaluationChoice& choice = protocol.choice;
    const QString text = choice.text.isEmpty() ? tr("built-in text") : file_name(choice.text);
    const QString windows = choice.windows > 0 ? tr("%1, %2 × %3").arg(text).arg(choice.windows).arg(choice.window)
                                               : tr("%1, all × %2").arg(text).arg(choice.window);
    const bool usual = protocol.execution == Execution{Compute::float32, Arithmetic::simulated};
    return usual ? windows : windows + QStringLiteral(", ") + QString::fromStdString(to_text(protocol.execution));
}

std::vector<RunName> run_names(const std::vector<Run>& runs) {
    std::vector<RunName> names;
    std::map<QString, std::vector<std::size_t>> by_name;
    for (std::size_t i = 0; i < runs.size(); ++i) {
        names.push_back({runs[i].name, {}});
        // Whether or not another has its name: figures of another machine are told by theirs.
        if (const QString host = runs[i].madeOn(); !host.isEmpty()) names[i].name += tr(" · on %1").arg(host);
        by_name[runs[i].name].push_back(i);
    }
    for (const auto& [name, same] : by_name) {
        if (same.size() < 2) continue;
        for (const Attribute attribute : attributes) {
            const std::vector<QString> texts = told_apart(runs, same, attribute);
            for (std::size_t at = 0; at < texts.size(); ++at)
                if (!texts[at].isEmpty()) names[same[at]].name += QStringLiteral(" · ") + texts[at];
        }
        const std::vector<QString> protocols =
            told_apart(runs, same, [](const Run& run) { return protocol_text(run.protocol()); });
        for (std::size_t at = 0; at < protocols.size(); ++at) names[same[at]].protocol = protocols[at];
        std::map<QString, int> times;
        for (const std::size_t i : same)
            if (const int before = times[names[i].whole()]++; before > 0)
                names[i].name += tr(" · again %1").arg(before);
    }
    return names;
}

} // namespace graticule
