#include "core/model/zip_archive.h"

#include <zip.h>

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "core/report/utf8.h"
#include "kernels/error.h"

namespace perfmamba::model {

/// libzip on our own memory. That it asks us for every byte tells where a member's bytes begin, which it has no
/// function for.
struct ZipArchive::Reader {
    std::span<const std::byte> bytes;
    std::filesystem::path file;
    zip_uint64_t position = 0;
    zip_error_t error{};
    zip_t* archive = nullptr;

    ~Reader() {
        if (archive) zip_discard(archive);
        zip_error_fini(&error);
    }

    static zip_int64_t serve(void* reader, void* data, zip_uint64_t length, zip_source_cmd_t command) {
        return static_cast<Reader*>(reader)->serve(data, length, command);
    }

    zip_int64_t serve(void* data, zip_uint64_t length, zip_source_cmd_t command) {
        switch (command) {
            case ZIP_SOURCE_SUPPORTS: return ZIP_SOURCE_SUPPORTS_SEEKABLE;
            case ZIP_SOURCE_OPEN: position = 0; return 0;
            case ZIP_SOURCE_READ: {
                const zip_uint64_t count = std::min<zip_uint64_t>(length, bytes.size() - position);
                if (count > 0) std::memcpy(data, bytes.data() + position, count);
                position += count;
                return static_cast<zip_int64_t>(count);
            }
            case ZIP_SOURCE_SEEK: {
                const zip_int64_t to = zip_source_seek_compute_offset(position, bytes.size(), data, length, &error);
                if (to < 0) return -1;
                position = static_cast<zip_uint64_t>(to);
                return 0;
            }
            case ZIP_SOURCE_TELL: return static_cast<zip_int64_t>(position);
            case ZIP_SOURCE_STAT: {
                auto* const stat = static_cast<zip_stat_t*>(data);
                zip_stat_init(stat);
                stat->size = bytes.size();
                stat->valid = ZIP_STAT_SIZE;
                return sizeof *stat;
            }
            case ZIP_SOURCE_ERROR: return zip_error_to_data(&error, data, length);
            case ZIP_SOURCE_CLOSE:
            case ZIP_SOURCE_FREE: return 0;
            default: zip_error_set(&error, ZIP_ER_OPNOTSUPP, 0); return -1;
        }
    }

    [[noreturn]] void fail(const std::string& reason, const std::string& advice = {}) const {
        throw Error(file.string(), reason, advice);
    }
};

ZipArchive::ZipArchive(std::span<const std::byte> bytes, const std::filesystem::path& file)
    : m_reader(std::make_unique<Reader>()) {
    m_reader->bytes = bytes;
    m_reader->file = file;
    zip_error_init(&m_reader->error);
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t* const source = zip_source_function_create(&Reader::serve, m_reader.get(), &error);
    if (source) m_reader->archive = zip_open_from_source(source, ZIP_RDONLY, &error);
    const std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    if (m_reader->archive) return;
    if (source) zip_source_free(source);
    m_reader->fail("is a damaged zip file: " + reason, "the download may have been cut short");
}

ZipArchive::~ZipArchive() = default;

std::string ZipArchive::findEnding(const std::string& end) const {
    const zip_int64_t count = zip_get_num_entries(m_reader->archive, 0);
    for (zip_int64_t i = 0; i < count; ++i) {
        const char* const name = zip_get_name(m_reader->archive, static_cast<zip_uint64_t>(i), ZIP_FL_ENC_RAW);
        if (name && std::string_view(name).ends_with(end)) return name;
    }
    return {};
}

std::optional<std::span<const std::byte>> ZipArchive::member(const std::string& name) const {
    Reader& reader = *m_reader;
    const zip_int64_t found = zip_name_locate(reader.archive, name.c_str(), ZIP_FL_ENC_RAW);
    if (found < 0) return std::nullopt;
    const auto index = static_cast<zip_uint64_t>(found);
    const std::string shown = report::toPlainUtf8(name);
    zip_stat_t stat;
    if (zip_stat_index(reader.archive, index, 0, &stat) != 0) reader.fail("holds a damaged member " + shown);
    if (stat.comp_method != ZIP_CM_STORE || stat.encryption_method != ZIP_EM_NONE) {
        reader.fail(fmt::format("holds {} compressed or encrypted, which torch.save does not do", shown),
                    "save the state dict with torch.save");
    }
    if (stat.size == 0) return std::span<const std::byte>();
    zip_file_t* const file = zip_fopen_index(reader.archive, index, ZIP_FL_COMPRESSED);
    char first = 0;
    const bool read = file && zip_fread(file, &first, 1) == 1;
    const zip_uint64_t begin = reader.position - 1;
    if (file) zip_fclose(file);
    if (!read || begin > reader.bytes.size() || stat.size > reader.bytes.size() - begin) {
        reader.fail(fmt::format("ends within its member {}: the file is truncated or damaged", shown));
    }
    return reader.bytes.subspan(begin, stat.size);
}

}  // namespace perfmamba::model
