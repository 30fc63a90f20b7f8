#include "app/window/search_words.h"

#include <QtCore/QObject>
#include <QtGui/QAction>
#include <algorithm>
#include <iterator>

namespace graticule {

namespace {
struct Row {
    const char *command, *about, *words; ///< about: empty where the command has a tip
};

// Tabs by their places (PlotArea::Tab, from 1).
constexpr Row rows[] = {
    {"view.tab1", QT_TRANSLATE_NOOP("QObject", "Histogram of a linear's weights or input, with the quantizer's levels"),
     "histogram underflow zero bin clip levels"},
    {"view.tab2", QT_TRANSLATE_NOOP("QObject", "Largest input of every channel, before and after smoothing"),
     "outlier smoothquant awq aqas scale"},
    {"view.tab3", QT_TRANSLATE_NOOP("QObject", "A statistic of all layers, or tokens x channels of one"), "matrix"},
    {"view.tab4",
     QT_TRANSLATE_NOOP("QObject", "Statistics and GPTQ's update ratio by calibration length, and the length advised"),
     "slac calibration length matrix"},
    {"view.tab5", QT_TRANSLATE_NOOP("QObject", "Output error of every layer: underflow, rounding, clipping"),
     "sqnr clip underflow"},
    {"view.tab6", QT_TRANSLATE_NOOP("QObject", "Running perplexity of full precision and of each recipe"),
     "ppl evaluate baseline"},
    {"view.tab7", QT_TRANSLATE_NOOP("QObject", "Two runs or more, layer by layer, and how their recipes differ"),
     "baseline difference"},
    {"view.tab8", QT_TRANSLATE_NOOP("QObject", "Size, unit area or power against perplexity; a click loads the recipe"),
     "front perplexity bits"},
    {"view.tab9", QT_TRANSLATE_NOOP("QObject", "Time, memory and roofline of the passes, measured here"),
     "tokens per second throughput kernel"},
    {"view.tab10", QT_TRANSLATE_NOOP("QObject", "Schemes chosen layer by layer under a budget"),
     "mixed precision bits budget"},
    {"view.tab11", QT_TRANSLATE_NOOP("QObject", "How far the recipe's predictions are from full precision's"), "kl"},
    {"view.tab12", QT_TRANSLATE_NOOP("QObject", "The inputs of all linears, small plots side by side"),
     "histogram small multiples"},
    {"view.tab13", QT_TRANSLATE_NOOP("QObject", "Model and recipe continue a prompt side by side"), "prompt text chat"},
    {"view.tab14", QT_TRANSLATE_NOOP("QObject", "What each linear costs alone: predicted against measured"), "damage"},
    {"view.tab15", QT_TRANSLATE_NOOP("QObject", "Accuracy of both on PIQA, HellaSwag, MMLU, and which answers flip"),
     "accuracy benchmark harness"},
    {"view.text-", QT_TRANSLATE_NOOP("QObject", "Size of all texts of the window"),
     "scale zoom font larger smaller settings preferences"},
    {"view.theme-", QT_TRANSLATE_NOOP("QObject", "Colours of the window and its plots"),
     "appearance mode settings preferences"},
    {"view.colours", QT_TRANSLATE_NOOP("QObject", "The window as colour-blind eyes see it"), "theme accessibility"},
    {"view.reset", QT_TRANSLATE_NOOP("QObject", "Every panel at its first place and width"), "dock window panels"},
    {"view.layers", QT_TRANSLATE_NOOP("QObject", "The panel of all linears with their figures"), "dock panel"},
    {"view.recipe", QT_TRANSLATE_NOOP("QObject", "The panel of schemes, methods and rules"),
     "dock panel format grain group size zero point input bits"},
    {"view.runs", QT_TRANSLATE_NOOP("QObject", "The panel of evaluations, with the baseline"), "dock panel perplexity"},
    {"view.jobs", QT_TRANSLATE_NOOP("QObject", "The panel of what runs, the log and notes"), "dock panel progress"},
    {"run.evaluate", "", "ppl baseline measure"},
    {"run.all", QT_TRANSLATE_NOOP("QObject", "Everything from calibration to perplexity, one after the other"),
     "ppl baseline"},
    {"run.export", "", "write save vllm gguf awq gptq compressed-tensors qserve"},
    {"run.report", "", "export html model card markdown"},
    {"run.lengths", "", "sequence length"},
    {"run.measure-lengths", "", "slac sequence length matrix"},
    {"file.save-plot", QT_TRANSLATE_NOOP("QObject", "The plot in sight, with its caption"), "export picture image"},
    {"file.save-plot-data", QT_TRANSLATE_NOOP("QObject", "The table behind the plot in sight"), "export data"},
    {"file.save-session",
     QT_TRANSLATE_NOOP("QObject", "Model, recipe, runs and screen in one file to come back to or hand on"), "export"},
    {"file.save-recipe", QT_TRANSLATE_NOOP("QObject", "The recipe as a file for this program and the command line"),
     "export json"},
    {"edit.copy-command", QT_TRANSLATE_NOOP("QObject", "What graticule-cli is to be told to do the same"),
     "export terminal shell"},
    {"compare.baseline", QT_TRANSLATE_NOOP("QObject", "Every difference of the runs refers to it"), "reference"},
    {"compare.selected", QT_TRANSLATE_NOOP("QObject", "Two or more selected runs, or one with the baseline"),
     "difference"},
    {"compare.copy-", QT_TRANSLATE_NOOP("QObject", "The table of runs to the clipboard"), "export report"},
    {"help.problem", "", "bug export"},
    {"help.tour", QT_TRANSLATE_NOOP("QObject", "Seven steps from opening a model to a finding"), "tutorial guide demo"},
};
} // namespace

SearchWords search_words(const QAction& command) {
    const QVariant help = command.property("help"); // without what its tip says of this moment
    const QString name = command.objectName();
    const QString tip =
        (help.isValid() && command.isEnabled() ? help.toString() : command.toolTip()).section(u'\n', 0, 0);
    const QString text = QString(command.text()).remove(u'&'); // the tip where none was given
    const QString own = text.startsWith(tip) ? QString() : tip;
    const auto is_of = [&](const Row& row) {
        const QLatin1String of(row.command);
        return of.endsWith(u'-') ? name.startsWith(of) : name == of;
    };
    const auto* row = std::ranges::find_if(rows, is_of);
    if (row == std::end(rows)) return {own, {}};
    return {*row->about ? QObject::tr(row->about) : own, QLatin1String(row->words)};
}

} // namespace graticule
