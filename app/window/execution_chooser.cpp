#include "app/window/execution_chooser.h"

#include <QtWidgets/QAbstractItemView>

#include <algorithm>
#include <vector>

namespace graticule {

namespace {
/// Every compute type with simulated products; integer products with the type that `auto` gives.
std::vector<Execution> all_choices() {
    std::vector<Execution> choices;
    for (const auto& row : compute_names()) choices.push_back({row.value, Arithmetic::simulated});
    choices.push_back({Compute::automatic, Arithmetic::integer});
    return choices;
}

QString label_of(const Execution& choice) {
    for (const auto& row : compute_names()) {
        if (row.value != choice.compute) continue;
        const QString type = QString::fromUtf8(row.label.data(), static_cast<qsizetype>(row.label.size()));
        return choice.arithmetic == Arithmetic::integer ? ExecutionChooser::tr("%1, integer products").arg(type) : type;
    }
    return {};
}
} // namespace

ExecutionChooser::ExecutionChooser(QWidget* parent)
    : QComboBox(parent) {
    setAccessibleName(tr("Precision"));
    setToolTip(
        tr("Type of the products. Auto: float32 on a CPU, the model's own 16 bits on a GPU. Results of different "
           "types do not compare."));
    for (const Execution& choice : all_choices()) addItem(label_of(choice));
    // As wide as the usual choices; the longest one is whole in the list.
    setSizeAdjustPolicy(AdjustToMinimumContentsLengthWithIcon);
    setMinimumContentsLength(3);
    view()->setMinimumWidth(view()->sizeHintForColumn(0) + 24);
    connect(this, &QComboBox::activated, this,
            [this](int item) { Q_EMIT chosen(all_choices().at(static_cast<std::size_t>(item))); });
}

void ExecutionChooser::setExecution(const Execution& in_use) {
    const std::vector<Execution> choices = all_choices();
    const auto found = std::find(choices.begin(), choices.end(), in_use);
    setCurrentIndex(found == choices.end() ? -1 : static_cast<int>(found - choices.begin()));
    setMinimumContentsLength(std::clamp(static_cast<int>(label_of(in_use).size()) - 1, 3, 9)); // the usual ones whole
    setPlaceholderText(label_of(in_use)); // a script may ask for what the list does not offer
}

} // namespace graticule
