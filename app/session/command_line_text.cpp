#include "app/session/command_line_text.h"

#include <QtCore/QRegularExpression>
#include <QtCore/QStringList>
#include <nlohmann/json.hpp>

namespace graticule {

QString shell_quoted(const QString& text) {
    static const QRegularExpression plain(QStringLiteral("^[A-Za-z0-9_./:=@%+,-]+$"));
    if (plain.match(text).hasMatch()) return text;
    QString quoted = text;
    quoted.replace(u'\'', QStringLiteral("'\\''"));
    return u'\'' + quoted + u'\'';
}

namespace {

/// The line of notation with the calibration beside it where that says all there is, else the recipe's JSON.
QStringList recipe_words(const Recipe& recipe) {
    Recipe from_line;
    from_line.defaults = recipe.defaults;
    from_line.calibration = recipe.calibration;
    if (from_line != recipe)
        return {shell_quoted(QString::fromStdString(nlohmann::json::parse(to_json(recipe)).dump()))};
    const CalibrationSpec& spec = recipe.calibration;
    QStringList words{shell_quoted(QString::fromStdString(to_line(recipe.defaults)))};
    if (!spec.text.empty()) words << QStringLiteral("--calib") << shell_quoted(QString::fromStdString(spec.text));
    words << QStringLiteral("--calib-samples") << QString::number(spec.samples);
    words << QStringLiteral("--calib-length") << QString::number(spec.length);
    if (spec.pick == CalibrationSpec::Pick::random)
        words << QStringLiteral("--calib-pick") << QStringLiteral("random") << QStringLiteral("--seed")
              << QString::number(spec.seed);
    return words;
}

QStringList evaluation_words(const EvaluationChoice& choice) {
    QStringList words;
    if (!choice.text.isEmpty()) words << QStringLiteral("--text") << shell_quoted(choice.text);
    words << QStringLiteral("--window") << QString::number(choice.window);
    if (choice.windows > 0) words << QStringLiteral("--windows") << QString::number(choice.windows);
    return words;
}

QString joined(QStringList words, const std::string& device, const Execution& execution) {
    const auto text = [](std::string_view name) { return QString::fromStdString(std::string(name)); };
    if (device != "cpu") words << QStringLiteral("--device") << text(device);
    if (execution.compute != Compute::automatic)
        words << QStringLiteral("--precision") << text(to_text(execution.compute));
    if (execution.arithmetic != Arithmetic::simulated)
        words << QStringLiteral("--arithmetic") << text(to_text(execution.arithmetic));
    return QStringLiteral("graticule-cli ") + words.join(u' ');
}

} // namespace

QString run_command(const QString& model, const Recipe& recipe, const EvaluationChoice& choice, const QString& folder,
                    const std::string& device, const Execution& execution) {
    return joined(QStringList{QStringLiteral("run")} + recipe_words(recipe) +
                      QStringList{QStringLiteral("--model"), shell_quoted(model)} + evaluation_words(choice) +
                      QStringList{QStringLiteral("--out"), shell_quoted(folder)},
                  device, execution);
}

QString evaluate_command(const QString& model, const EvaluationChoice& choice, const std::string& device,
                         const Execution& execution) {
    return joined(QStringList{QStringLiteral("eval"), shell_quoted(model)} + evaluation_words(choice), device,
                  execution);
}

QString elsewhere_command(const QString& model, const Recipe* recipe, const QString& target,
                          const EvaluationChoice& choice, const QString& command, const QString& path,
                          const std::string& device, const Execution& execution) {
    QStringList words{QStringLiteral("eval"), shell_quoted(model)};
    if (recipe) words += QStringList{QStringLiteral("--recipe")} + recipe_words(*recipe);
    if (!target.isEmpty()) words << QStringLiteral("--as") << target;
    words += evaluation_words(choice);
    words << QStringLiteral("--worker") << shell_quoted(command);
    if (path != model) words << QStringLiteral("--worker-model") << shell_quoted(path);
    return joined(words, device, execution);
}

QString served_command(const QString& model, const Recipe& recipe, const QString& target,
                       const EvaluationChoice& choice, const std::string& device, const Execution& execution) {
    return joined(QStringList{QStringLiteral("eval"), shell_quoted(model), QStringLiteral("--recipe")} +
                      recipe_words(recipe) + QStringList{QStringLiteral("--as"), target} + evaluation_words(choice),
                  device, execution);
}

} // namespace graticule
