#include "app/window/device_chooser.h"

namespace graticule {

namespace {
const QString there = QStringLiteral("@"); ///< before the name of a device of the other machine; alone: another one

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
    connect(this, &QComboBox::activated, this, &DeviceChooser::take);
    setDevices({}, "cpu");
}

void DeviceChooser::take(int item) {
    const QString device = itemData(item).toString();
    if (!device.startsWith(there)) return Q_EMIT chosen(device);
    if (device != there) return Q_EMIT chosenElsewhere(device.mid(there.size()));
    setCurrentIndex(in_use_); // until there is one
    Q_EMIT machineWanted();
}

void DeviceChooser::setDevices(const std::vector<DeviceRow>& rows, const std::string& in_use,
                               const Elsewhere& elsewhere) {
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
    for (const DeviceRow& row : elsewhere.rows) {
        const QString name = QString::fromStdString(row.name);
        if (row.problem.empty()) addItem(tr("%1: %2").arg(elsewhere.host, row_text(row)), there + name);
    }
    addItem(tr("elsewhere …"), there);
    in_use_ = findData(elsewhere.in_use.empty() ? wanted : there + QString::fromStdString(elsewhere.in_use));
    if (!elsewhere.in_use.empty()) tip = tr("Evaluations run on %1, all else on %2 here").arg(elsewhere.host, wanted);
    setCurrentIndex(in_use_);
    setToolTip(tip);
}

} // namespace graticule
