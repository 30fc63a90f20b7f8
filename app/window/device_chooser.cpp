#include "app/window/device_chooser.h"

namespace graticule {

namespace {
// "CUDA:0 H100 80GB HBM3"; the maker's name is the same in every row.
QString row_text(const DeviceRow& row) {
    if (row.name == "cpu") return DeviceChooser::tr("CPU");
    QString card = QString::fromStdString(row.label);
    if (card.startsWith(QStringLiteral("NVIDIA "))) card.remove(0, 7);
    return QStringLiteral("%1 %2").arg(QString::fromStdString(row.name).toUpper(), card);
}
} // namespace

DeviceChooser::DeviceChooser(QWidget* parent)
    : QComboBox(parent) {
    setAccessibleName(tr("Device"));
    setSizeAdjustPolicy(AdjustToContents);
    setMinimumContentsLength(4); // in a narrow window little more than "CUDA:0"; the list has it whole
    connect(this, &QComboBox::activated, this, [this](int item) { Q_EMIT chosen(itemData(item).toString()); });
    setDevices({}, "cpu");
}

void DeviceChooser::setDevices(const std::vector<DeviceRow>& rows, const std::string& in_use) {
    const QString wanted = QString::fromStdString(in_use);
    QString tip = tr("Where jobs run");
    clear();
    for (const DeviceRow& row : rows) {
        if (row.problem.empty())
            addItem(row_text(row), QString::fromStdString(row.name));
        else
            tip += tr(". %1: %2").arg(QString::fromStdString(row.label), QString::fromStdString(row.problem));
    }
    if (rows.empty()) addItem(tr("CPU"), QStringLiteral("cpu"));
    if (findData(wanted) < 0)
        addItem(rows.empty() ? wanted.toUpper() : tr("%1 is not there").arg(wanted.toUpper()), wanted);
    setCurrentIndex(findData(wanted));
    setToolTip(tip);
}

} // namespace graticule
