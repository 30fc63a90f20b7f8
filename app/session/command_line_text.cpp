#include "app/session/command_line_text.h"

#include <QtCore/QRegularExpression>
#include <QtCore/QStringList>

namespace graticule {

QString shell_quoted(const QString& text) {
    static const QRegularExpression plain(QStringLiteral("^[A-Za-z0-9_./:=@%+,-]+$"));
    if (plain.match(text).hasMatch()) return text;
    QString quoted = text;
    quoted.replace(u'\'', QStringLiteral("'\\''"));
    return u'\'' + quoted + u'\'';
}

bool needs_file(const Recipe& recipe) { return !recipe.rules.empty() || !recipe.ignore.empty(); }

namespace {
QString recipe_argument(const Recipe& recipe, const QString& recipe_file) {
    return shell_quoted(needs_file(recipe) ? recipe_file : QString::fromStdString(to_line(recipe.defaults)));
}

QStringList calibration_arguments(const Recipe& recipe) {
    const CalibrationSpec& spec = recipe.calibration;
    QStringList arguments;
    if (needs_file(recipe)) return arguments; // the file says it
    if (!spec.text.empty()) arguments << QStringLiteral("--calib") << shell_quoted(QString::fromStdString(spec.text));
    arguments << QStringLiteral("--calib-samples") << QString::number(spec.samples);
    arguments << QStringLiteral("--calib-length") << QString::number(spec.length);
    arguments << QStringLiteral("--calib-pick")
              << (spec.pick == CalibrationSpec::Pick::first ? QStringLiteral("first") : QStringLiteral("random"));
    if (spec.pick == CalibrationSpec::Pick::random) arguments << QStringLiteral("--seed") << QString::number(spec.seed);
    return arguments;
}
} // namespace

QString evaluate_command(const QString& model, const Recipe& recipe, bool full_precision,
                         const EvaluationChoice& choice, const std::string& device, const QString& recipe_file) {
    QStringList words{QStringLiteral("graticule-cli"), QStringLiteral("eval"), shell_quoted(model)};
    if (!choice.text.isEmpty()) words << QStringLiteral("--text") << shell_quoted(choice.text);
    words << QStringLiteral("--window") << QString::number(choice.window);
    if (choice.windows > 0) words << QStringLiteral("--windows") << QString::number(choice.windows);
    if (!full_precision)
        words << QStringLiteral("--recipe") << recipe_argument(recipe, recipe_file) << calibration_arguments(recipe);
    if (device != "cpu") words << QStringLiteral("--device") << QString::fromStdString(device);
    return words.join(u' ');
}

QString run_command(const QString& model, const Recipe& recipe, const QString& folder, const QString& recipe_file) {
    return (QStringList{QStringLiteral("graticule-cli"), QStringLiteral("run"), recipe_argument(recipe, recipe_file),
                        QStringLiteral("--model"), shell_quoted(model), QStringLiteral("--out"), shell_quoted(folder)} +
            calibration_arguments(recipe))
        .join(u' ');
}

} // namespace graticule
