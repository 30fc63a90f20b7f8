// Where jobs run: the strip's combo box. It always shows the device in use, also one that turned out not to be there.
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

    /// `rows` as list_devices gives them (empty: not known yet), `in_use` as Session::device names it.
    void setDevices(const std::vector<DeviceRow>& rows, const std::string& in_use);

Q_SIGNALS:
    void chosen(const QString& device); ///< by the user
};

} // namespace graticule
