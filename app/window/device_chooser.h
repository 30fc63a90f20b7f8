// Where jobs run: the strip's combo box. It always shows the device in use, also one that turned out not to be there;
// behind those of this machine stand the devices of another one that evaluates, and the way to another one.
#pragma once

#include <QtWidgets/QComboBox>
#include <string>
#include <vector>

#include "core/runtime/device.h"

namespace graticule {

class DeviceChooser final : public QComboBox {
    Q_OBJECT
public:
    explicit DeviceChooser(QWidget* parent = nullptr);

    struct Elsewhere {
        QString host; ///< empty: there is no other machine
        std::vector<DeviceRow> rows;
        std::string in_use; ///< empty: none of them
    };
    /// `rows` as list_devices gives them (empty: not known yet), `in_use` as Session::device names it.
    void setDevices(const std::vector<DeviceRow>& rows, const std::string& in_use, const Elsewhere& elsewhere = {});

Q_SIGNALS:
    void chosen(const QString& device); ///< by the user
    void chosenElsewhere(const QString& device);
    void machineWanted(); ///< another one than those that are shown

private:
    void take(int item);
    int in_use_ = 0; ///< its place
};

} // namespace graticule
