#include "margay/run/run_index.h"

#include <cmath>
#include <limits>
#include <map>

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <nlohmann/json.hpp>

#include "margay/core/json_values.h"
#include "margay/core/options.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr int kVersion = 3;

constexpr const char* kSchema = R"(
CREATE TABLE runs (
  id INTEGER PRIMARY KEY, folder TEXT NOT NULL UNIQUE, name TEXT NOT NULL, repeats TEXT NOT NULL, seed TEXT NOT NULL,
  started TEXT NOT NULL, ended TEXT NOT NULL, status TEXT NOT NULL, message TEXT NOT NULL, valid_images INTEGER,
  saved_epoch INTEGER, process TEXT NOT NULL, config TEXT NOT NULL);
CREATE TABLE epochs (
  run INTEGER NOT NULL REFERENCES runs (id), stage TEXT NOT NULL, epoch INTEGER NOT NULL, train_loss REAL,
  valid_loss REAL, metrics TEXT NOT NULL, seconds REAL, UNIQUE (run, stage, epoch));
)";

constexpr const char* kPut = R"(
INSERT INTO runs (folder, name, repeats, seed, started, ended, status, message, valid_images, saved_epoch, process, config)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (folder) DO UPDATE SET
  name = excluded.name, repeats = excluded.repeats, seed = excluded.seed, started = excluded.started,
  ended = excluded.ended, status = excluded.status, message = excluded.message,
  valid_images = excluded.valid_images, saved_epoch = excluded.saved_epoch, process = excluded.process, config = excluded.config)";

constexpr const char* kPutEpoch = R"(
INSERT INTO epochs (run, stage, epoch, train_loss, valid_loss, metrics, seconds) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (run, stage, epoch) DO UPDATE SET
  train_loss = excluded.train_loss, valid_loss = excluded.valid_loss, metrics = excluded.metrics,
  seconds = excluded.seconds)";

std::string column_text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

double number_or_nan(const SQLite::Column& column) {
  return column.isNull() ? std::numeric_limits<double>::quiet_NaN() : column.getDouble();
}

Json json_or_empty(const SQLite::Column& column) {
  Json json = core::parsed_json(column.getString());
  return json.is_object() ? json : Json::object();
}

RunRecord record_of(SQLite::Statement& row) {
  RunRecord record;
  int column = 0;
  const auto text = [&] { return row.getColumn(column++).getString(); };
  record.id = row.getColumn(column++).getInt64();
  record.folder = text();
  record.name = text();
  record.group = text();
  record.seed = std::stoull(text());
  record.started = text();
  record.ended = text();
  record.status = core::from_text<RunStatus>(text());
  record.message = text();
  const SQLite::Column images = row.getColumn(column++);
  if (!images.isNull()) record.valid_images = images.getInt64();
  const SQLite::Column saved = row.getColumn(column++);
  if (!saved.isNull()) record.saved_epoch = static_cast<std::size_t>(saved.getInt64());
  record.process = process_of(json_or_empty(row.getColumn(column++)));
  record.config = json_or_empty(row.getColumn(column++));
  return record;
}

RunEpoch epoch_of(SQLite::Statement& row) {
  RunEpoch epoch;
  epoch.stage = row.getColumn(1).getString();
  epoch.epoch = row.getColumn(2).getInt64();
  epoch.train_loss = number_or_nan(row.getColumn(3));
  epoch.valid_loss = number_or_nan(row.getColumn(4));
  const Json metrics = json_or_empty(row.getColumn(5));
  for (const auto& [name, value] : metrics.items()) {
    epoch.metrics.emplace_back(name,
                               value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN());
  }
  epoch.seconds = number_or_nan(row.getColumn(6));
  return epoch;
}

void put_epoch(SQLite::Database& database, std::int64_t run, const RunEpoch& epoch) {
  Json metrics = Json::object();
  for (const auto& [name, value] : epoch.metrics) metrics[name] = value;
  SQLite::Statement put(database, kPutEpoch);
  put.bind(1, run);
  put.bind(2, epoch.stage);
  put.bind(3, epoch.epoch);
  put.bind(4, epoch.train_loss);  // SQLite keeps NaN as NULL
  put.bind(5, epoch.valid_loss);
  put.bind(6, column_text(metrics));
  put.bind(7, epoch.seconds);
  put.exec();
}

/// 0 where the folder is not listed; ids begin with 1.
std::int64_t id_of(SQLite::Database& database, const std::string& folder) {
  SQLite::Statement find(database, "SELECT id FROM runs WHERE folder = ?");
  find.bind(1, folder);
  return find.executeStep() ? find.getColumn(0).getInt64() : 0;
}

/// Returns the id.
std::int64_t put_run(SQLite::Database& database, const RunRecord& record) {
  SQLite::Statement put(database, kPut);
  int column = 0;
  for (const std::string& text : {record.folder, record.name, record.group, std::to_string(record.seed), record.started,
                                  record.ended, core::to_text(record.status), record.message}) {
    put.bind(++column, text);
  }
  ++column;  // NULL unless bound
  if (record.valid_images) put.bind(column, *record.valid_images);
  ++column;
  if (record.saved_epoch) put.bind(column, static_cast<std::int64_t>(*record.saved_epoch));
  put.bind(++column, column_text(to_json(record.process)));
  put.bind(++column, column_text(record.config));
  put.exec();
  const std::int64_t id = id_of(database, record.folder);
  for (const RunEpoch& epoch : record.epochs) put_epoch(database, id, epoch);
  return id;
}

}  // namespace

class RunIndex::Connection {
 public:
  /// Runs `call`, whose errors come out as ours.
  template <class Call>
  auto run(Call&& call) const {
    try {
      return call();
    } catch (const SQLite::Exception& error) {
      rethrow(error);
    } catch (const std::logic_error& error) {  // a status or a seed that is none
      throw UnusableIndexError(path_, fmt::format("the list of runs is damaged: {}", error.what()));
    }
  }

  /// Runs `call` in a transaction that waits for other writers before it begins, not in the middle.
  template <class Call>
  auto write(Call&& call) {
    return run([&] {
      SQLite::Transaction transaction(*database_, SQLite::TransactionBehavior::IMMEDIATE);
      const auto result = call(*database_);
      transaction.commit();
      return result;
    });
  }

  explicit Connection(const fs::path& path) : path_(path) {
    run([&] {
      database_.emplace(path.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kBusyTimeoutMs);
      make_tables();
      check_version();
    });
  }

  SQLite::Database& database() { return *database_; }

 private:
  int version() { return database_->execAndGet("PRAGMA user_version").getInt(); }
  bool is_empty() { return database_->execAndGet("SELECT count(*) FROM sqlite_master").getInt() == 0; }

  void make_tables() {
    if (version() != 0 || !is_empty()) return;
    SQLite::Transaction transaction(*database_, SQLite::TransactionBehavior::IMMEDIATE);
    if (version() == 0 && is_empty()) {  // nobody else was faster
      database_->exec(kSchema);
      database_->exec(fmt::format("PRAGMA user_version = {}", kVersion));
    }
    transaction.commit();
  }

  void check_version() {
    const int found = version();
    if (found > kVersion) {
      throw core::FormatError(
          path_, fmt::format("a newer Margay made this list of runs (version {}; this one knows {})", found, kVersion));
    }
    if (found < kVersion) throw UnusableIndexError(path_, "the list of runs is of an older version");
  }

  [[noreturn]] void rethrow(const SQLite::Exception& error) const {
    switch (error.getErrorCode()) {
      case SQLITE_CORRUPT:
      case SQLITE_NOTADB:
      case SQLITE_ERROR:  // a table or a column that is not there
        throw UnusableIndexError(path_, fmt::format("the list of runs is damaged: {}", error.what()));
      case SQLITE_BUSY:
      case SQLITE_LOCKED:
        throw core::IoError(path_, fmt::format("another program has kept the list of runs locked for {} seconds",
                                               kBusyTimeoutMs / 1000));
      default:
        throw core::IoError(path_, fmt::format("the list of runs cannot be used: {}", error.what()));
    }
  }

  fs::path path_;
  std::optional<SQLite::Database> database_;
};

RunIndex::RunIndex(const fs::path& path) : connection_(std::make_unique<Connection>(path)) {}

RunIndex::~RunIndex() = default;

std::vector<RunRecord> RunIndex::all() const {
  return connection_->run([this] {
    SQLite::Transaction one_view(connection_->database());
    std::vector<RunRecord> records;
    std::map<std::int64_t, std::size_t> position;
    SQLite::Statement runs(connection_->database(),
                           "SELECT id, folder, name, repeats, seed, started, ended, status, message, valid_images, "
                           "saved_epoch, process, config FROM runs ORDER BY id");
    while (runs.executeStep()) {
      records.push_back(record_of(runs));
      position[records.back().id] = records.size() - 1;
    }
    SQLite::Statement epochs(connection_->database(),
                             "SELECT run, stage, epoch, train_loss, valid_loss, metrics, seconds FROM epochs ORDER BY "
                             "rowid");
    while (epochs.executeStep()) {
      records.at(position.at(epochs.getColumn(0).getInt64())).epochs.push_back(epoch_of(epochs));
    }
    return records;
  });
}

bool RunIndex::has(const std::string& folder) const {
  return connection_->run([&] { return id_of(connection_->database(), folder) != 0; });
}

std::int64_t RunIndex::put(const RunRecord& record) {
  return connection_->write([&](SQLite::Database& database) { return put_run(database, record); });
}

void RunIndex::put_all(std::span<RunRecord> records) {
  const std::vector<std::int64_t> ids = connection_->write([&](SQLite::Database& database) {
    std::vector<std::int64_t> done;
    for (const RunRecord& record : records) done.push_back(put_run(database, record));
    return done;
  });
  for (std::size_t i = 0; i < ids.size(); ++i) records[i].id = ids[i];
}

void RunIndex::add_epoch(const std::string& folder, const RunEpoch& epoch) {
  const bool is_listed = connection_->write([&](SQLite::Database& database) {
    const std::int64_t id = id_of(database, folder);
    if (id != 0) put_epoch(database, id, epoch);
    return id != 0;
  });
  if (!is_listed) throw std::invalid_argument(fmt::format("[RunIndex] no run with the folder '{}' is listed", folder));
}

}  // namespace margay::run
