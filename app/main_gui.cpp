// graticule [MODEL] [--recipe R]: the window.
#include <QtCore/QCommandLineParser>
#include <QtCore/QFileInfo>
#include <QtCore/QScopeGuard>
#include <QtCore/QSettings>
#include <QtCore/QTemporaryDir>
#include <QtCore/QTextStream>
#include <QtCore/QTimer>
#include <QtGui/QSurfaceFormat>
#include <algorithm>
#include <clocale>
#include <memory>
#include <optional>
#include <string_view>

#include "app/window/application.h"
#include "app/window/demo_journey.h"
#include "app/window/first_instance.h"
#include "app/window/main_window.h"
#include "app/window/save_plots.h"
#include "app/window/stop_signals.h"
#include "core/runtime/host_threads.h"
#include "core/runtime/torch_error.h"
#include "widgets/plots/plot_surface.h"

namespace {

using namespace graticule;

int fail(int code, const QString& text) {
    QTextStream(stderr) << "graticule: " << text << Qt::endl;
    return code;
}

bool has_display() {
    const auto set = [](const char* name) { return !qEnvironmentVariableIsEmpty(name); };
    return set("DISPLAY") || set("WAYLAND_DISPLAY") || set("QT_QPA_PLATFORM");
}

/// Asked before there is a QApplication to parse with: pictures and help need no display.
bool writes_only(int argc, char** argv) {
    return std::any_of(argv + 1, argv + argc, [](const std::string_view word) {
        return word.starts_with("--save-plots") || word == "-h" || word == "--help" || word == "-v" ||
               word == "--version";
    });
}

struct Options {
    QString model, recipe, settings_path, screenshots, theme, device, precision, arithmetic, save_plots;

    [[nodiscard]] Execution execution() const { ///< throws Error{usage}
        return {parse_compute(precision.toStdString()), parse_arithmetic(arithmetic.toStdString())};
    }
    bool clean_settings = false, new_window = false;
    bool plain = false; ///< nothing asked for but a model: a window that is there can show it
    QSize size;
    int journey = 0, linears = 3;
    QString problem;
};

void declare(QCommandLineParser& parser) {
    parser.setApplicationDescription(
        QObject::tr("Graticule: look into a language model, quantize it, see what it cost."));
    parser.addHelpOption();
    parser.addVersionOption();
    parser.addPositionalArgument(
        "model", QObject::tr("Model folder, .safetensors, .gguf, session (.graticule), or sample-opt, sample-llama."),
        "[MODEL]");
    parser.addOption({"recipe", QObject::tr("Recipe: file, preset or one line."), "RECIPE"});
    parser.addOption({"theme", QObject::tr("dark, light or system."), "THEME"});
    parser.addOption({"size", QObject::tr("Size of the window in pixels, as 1600x1000."), "WxH"});
    parser.addOption({"device", QObject::tr("cpu, cuda or cuda:N."), "DEVICE"});
    parser.addOption({"precision", QObject::tr("auto, float32, bfloat16, float16 or float64."), "TYPE", "auto"});
    parser.addOption({"arithmetic", QObject::tr("simulated or integer."), "KIND", "simulated"});
    parser.addOption({"settings-path", QObject::tr("Settings file to use instead of the user's."), "FILE"});
    parser.addOption({"new-window", QObject::tr("A window of its own, also where one with these settings is open.")});
    parser.addOption({"clean-settings", QObject::tr("Start as for the first time; keep nothing.")});
    parser.addOption({"demo-journey", QObject::tr("Walk journey 1 to 5 of the guide by itself, then leave."), "N"});
    parser.addOption(
        {"save-plots", QObject::tr("No window: quantize MODEL by RECIPE, write its plots as SVG, leave."), "DIR"});
    parser.addOption({"linears", QObject::tr("--save-plots: of how many of the linears harmed most (3)."), "N"});
    parser.addOption({"screenshots", QObject::tr("Folder for a picture of every step of the journey."), "DIR"});
}

// What would be ignored without a word is said instead.
void check_pairs(const QCommandLineParser& parser, Options& options) {
    if (parser.isSet("recipe") && parser.isSet("demo-journey"))
        options.problem = QObject::tr("--recipe and --demo-journey do not go together: a journey has its own recipes");
    else if (parser.isSet("recipe") && options.model.isEmpty())
        options.problem = QObject::tr("--recipe needs a MODEL to be for; write graticule MODEL --recipe RECIPE");
    if (parser.isSet("save-plots") && (!parser.isSet("recipe") || options.model.isEmpty()))
        options.problem = QObject::tr(
            "--save-plots needs what to quantize and how; write graticule MODEL --recipe RECIPE --save-plots DIR");
    if (parser.isSet("recipe") && options.model.endsWith(session_suffix))
        options.problem = QObject::tr("--recipe and a session do not go together: a session has its own recipe");
    if (parser.isSet("linears") && !parser.isSet("save-plots"))
        options.problem = QObject::tr("--linears goes with --save-plots");
    if (parser.isSet("screenshots") && !parser.isSet("demo-journey"))
        options.problem = QObject::tr("--screenshots needs --demo-journey N: the pictures are of its steps");
    if (parser.isSet("clean-settings") && parser.isSet("settings-path"))
        options.problem = QObject::tr("--clean-settings and --settings-path do not go together; keep one of them");
}

Options read(const QCommandLineParser& parser) {
    Options options;
    const QStringList models = parser.positionalArguments();
    if (models.size() > 1) options.problem = QObject::tr("one model at a time, not %1").arg(models.size());
    if (!models.isEmpty()) options.model = models.front();
    options.recipe = parser.value("recipe");
    options.settings_path = parser.value("settings-path");
    options.save_plots = parser.value("save-plots");
    if (parser.isSet("linears")) {
        bool whole = false;
        options.linears = parser.value("linears").toInt(&whole);
        if (!whole || options.linears < 1)
            options.problem = QObject::tr("“%1” is no number of linears").arg(parser.value("linears"));
    }
    options.clean_settings = parser.isSet("clean-settings");
    options.new_window = parser.isSet("new-window");
    QStringList given = parser.optionNames();
    given.removeAll(QStringLiteral("settings-path"));
    options.plain = given.isEmpty();
    options.screenshots = parser.value("screenshots");
    options.theme = parser.value("theme");
    options.device = parser.value("device");
    options.precision = parser.value("precision");
    options.arithmetic = parser.value("arithmetic");
    if (!options.theme.isEmpty() && !theme::parse_mode(options.theme))
        options.problem = QObject::tr("there is no theme “%1”; there are dark, light and system").arg(options.theme);
    if (parser.isSet("size")) {
        const QStringList parts = parser.value("size").split(u'x');
        if (parts.size() == 2) options.size = {parts[0].toInt(), parts[1].toInt()};
        if (options.size.width() < 200 || options.size.height() < 200)
            options.problem = QObject::tr("“%1” is no window size; write it as 1600x1000").arg(parser.value("size"));
    }
    if (parser.isSet("demo-journey")) {
        options.journey = parser.value("demo-journey").toInt();
        if (!DemoJourney::exists(options.journey))
            options.problem =
                QObject::tr("there is no journey “%1”; there are 1 to 5").arg(parser.value("demo-journey"));
    }
    check_pairs(parser, options);
    return options;
}

/// `temporary` is made where nothing is to be kept, and goes with the caller.
std::unique_ptr<QSettings> open_settings(const Options& options, std::optional<QTemporaryDir>& temporary) {
    if (options.clean_settings) {
        temporary.emplace();
        return std::make_unique<QSettings>(temporary->filePath("settings.ini"), QSettings::IniFormat);
    }
    if (!options.settings_path.isEmpty())
        return std::make_unique<QSettings>(options.settings_path, QSettings::IniFormat);
    return std::make_unique<QSettings>(QSettings::IniFormat, QSettings::UserScope, "graticule", "graticule");
}

int save_plots(const Options& options) {
    Session session;
    if (!options.device.isEmpty()) session.setDevice(options.device.toStdString());
    session.setExecution(options.execution());
    SavePlots saving(session, read_recipe(options.recipe.toStdString()), options.save_plots, options.linears,
                     {960, 400});
    QObject::connect(&saving, &SavePlots::written,
                     [](const QString& file) { QTextStream(stderr) << file << Qt::endl; });
    QObject::connect(&saving, &SavePlots::ended, [] { QApplication::exit(0); });
    QObject::connect(&saving, &SavePlots::failed,
                     [](const QString& why) { QApplication::exit(fail(exit_code(ErrorKind::bad_input), why)); });
    QTimer::singleShot(0, &saving, [&] { saving.start(options.model); });
    const StopSignals stop([] { QApplication::exit(exit_code_cancelled); });
    return QApplication::exec();
}

int run(Application& application, const Options& options) {
    std::optional<QTemporaryDir> temporary;
    const std::unique_ptr<QSettings> settings = open_settings(options, temporary);
    if (options.plain && !options.new_window) {
        const QString path =
            QFileInfo::exists(options.model) ? QFileInfo(options.model).absoluteFilePath() : options.model;
        if (FirstInstance::hand_over(settings->fileName(), path)) {
            QTextStream(stderr) << "graticule: shown in the window that is open; --new-window opens another"
                                << Qt::endl;
            return 0;
        }
    }
    const QString wanted = options.theme.isEmpty() ? settings->value("window/theme", "dark").toString() : options.theme;
    const theme::Mode mode = theme::parse_mode(wanted).value_or(theme::Mode::dark);
    theme::set_text_scale(settings->value("window/text-scale", 1.0).toDouble());
    theme::apply(application, mode);
    MainWindow window(*settings, mode);
    if (options.size.isValid()) window.giveSize(options.size);
    if (!options.device.isEmpty()) window.session().setDevice(options.device.toStdString());
    window.session().setExecution(options.execution());
    window.show();
    std::optional<FirstInstance> first;
    if (!options.new_window && !options.clean_settings && options.journey == 0) {
        first.emplace(settings->fileName());
        QObject::connect(&*first, &FirstInstance::openWanted, &window, &MainWindow::showFor);
    }
    const StopSignals stop([&window] { window.saveAndLeave(); });
    application.setFailureHandler([&window](const ErrorInfo& error) {
        window.showFailure(QObject::tr("Graticule made a mistake"), QString::fromStdString(error.text()));
    });
    const auto quiet = qScopeGuard([&application] { application.setFailureHandler({}); }); // before the window goes
    if (options.journey > 0) {
        auto* journey = new DemoJourney(window, options.journey, options.model, options.screenshots, &window);
        QTimer::singleShot(300, journey, &DemoJourney::start);
    } else if (!options.model.isEmpty()) {
        if (!options.recipe.isEmpty())
            QObject::connect(
                &window.session(), &Session::modelChanged, &window, [&] { window.openRecipe(options.recipe); },
                Qt::SingleShotConnection);
        window.openPath(options.model);
    }
    return QApplication::exec();
}

} // namespace

int main(int argc, char** argv) {
    let_workers_sleep(argv);
    if (writes_only(argc, argv)) qputenv("QT_QPA_PLATFORM", "offscreen");
    // Before QApplication, which ends the process with an abort where there is no display.
    if (!has_display())
        return fail(
            exit_code(ErrorKind::unsupported),
            "there is no display (DISPLAY and WAYLAND_DISPLAY are not set); use graticule-cli, or xvfb-run graticule");
    QSurfaceFormat format;
    format.setVersion(3, 3);
    format.setProfile(QSurfaceFormat::CoreProfile);
    QSurfaceFormat::setDefaultFormat(format);
    Application application(argc, argv);
    std::setlocale(LC_NUMERIC, "C"); // Qt has taken the user's for the whole process: core writes numbers with points
    QApplication::setApplicationName("graticule");
    QApplication::setApplicationDisplayName("Graticule");
    QApplication::setApplicationVersion(GRATICULE_VERSION);
    QCommandLineParser parser;
    declare(parser);
    if (!parser.parse(QApplication::arguments())) return fail(exit_code(ErrorKind::usage), parser.errorText());
    parser.process(application); // help and version
    const Options options = read(parser);
    if (!options.problem.isEmpty()) return fail(exit_code(ErrorKind::usage), options.problem);
    if (std::string why; options.save_plots.isEmpty() && !plots::opengl_available(why))
        return fail(exit_code(ErrorKind::unsupported),
                    QString::fromStdString(why) + "; graticule-cli does everything without it");
    try {
        return options.save_plots.isEmpty() ? run(application, options) : save_plots(options);
    } catch (...) {
        const ErrorInfo error = current_error();
        return fail(exit_code(error.kind), QString::fromStdString(error.text()));
    }
}
