// Choosing a path, and choosing a text: the built-in one or a file.
#pragma once

#include <QtWidgets/QWidget>

class QComboBox;
class QLineEdit;

namespace graticule {

class PathEdit final : public QWidget {
    Q_OBJECT
public:
    enum class Kind { file, new_folder };
    PathEdit(Kind kind, const QString& filter, QWidget* parent = nullptr);
    void setPath(const QString& path);
    /// What belongs there: shown while it is empty, and its accessible name.
    void setHint(const QString& hint);
    [[nodiscard]] QString path() const;

Q_SIGNALS:
    void changed();

private:
    void browse();
    Kind kind_;
    QString filter_;
    QLineEdit* line_;
};

class TextEdit final : public QWidget {
    Q_OBJECT
public:
    TextEdit(const QString& built_in_name, const QString& path, QWidget* parent = nullptr);
    [[nodiscard]] QString path() const; ///< empty: the built-in text

Q_SIGNALS:
    void changed();

private:
    QComboBox* which_;
    PathEdit* file_;
};

} // namespace graticule
