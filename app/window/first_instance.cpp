#include "app/window/first_instance.h"

#include <QtCore/QCryptographicHash>
#include <QtCore/QDir>
#include <QtCore/QFileInfo>
#include <QtNetwork/QLocalServer>
#include <QtNetwork/QLocalSocket>

namespace graticule {

namespace {
constexpr int patience_ms = 1000;
const QByteArray taken = "taken\n";

QString server_name(const QString& settings_file) {
    const QByteArray who = QFileInfo(settings_file).absoluteFilePath().toUtf8() + QDir::homePath().toUtf8();
    return QStringLiteral("graticule-") +
           QString::fromLatin1(QCryptographicHash::hash(who, QCryptographicHash::Sha256).toHex().left(16));
}
} // namespace

bool FirstInstance::hand_over(const QString& settings_file, const QString& path) {
    QLocalSocket socket;
    socket.connectToServer(server_name(settings_file));
    if (!socket.waitForConnected(patience_ms)) return false;
    socket.write(path.toUtf8() + '\n');
    while (!socket.canReadLine())
        if (!socket.waitForReadyRead(patience_ms)) return false; // it hangs: a window of one's own is better than none
    return socket.readLine() == taken;
}

FirstInstance::FirstInstance(const QString& settings_file, QObject* parent)
    : QObject(parent)
    , server_(new QLocalServer(this)) {
    server_->setSocketOptions(QLocalServer::UserAccessOption);
    connect(server_, &QLocalServer::newConnection, this, &FirstInstance::answer);
    const QString name = server_name(settings_file);
    if (server_->listen(name)) return;
    // Left behind by one that was killed, since nobody has answered.
    QLocalServer::removeServer(name);
    server_->listen(name);
}

void FirstInstance::answer() {
    while (QLocalSocket* socket = server_->nextPendingConnection()) {
        connect(socket, &QLocalSocket::disconnected, socket, &QObject::deleteLater);
        connect(socket, &QLocalSocket::readyRead, this, [this, socket] {
            if (!socket->canReadLine()) return;
            const QString path = QString::fromUtf8(socket->readLine()).trimmed();
            socket->write(taken);
            socket->flush();
            socket->disconnectFromServer();
            Q_EMIT openWanted(path);
        });
    }
}

} // namespace graticule
