// SPDX-License-Identifier: GPL-2.0-only
#include "builder.h"

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <glob.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "derive.h"
#include "diagnostics.h"
#include "failure.h"
#include "files.h"
#include "parser.hh"
#include "system.h"

namespace drbd::adm {

namespace {

constexpr int max_include_depth = 64;
constexpr unsigned drbd_major = 147;

const char *const top_statements =
	"global | common | resource | skip | include |\n"
	"\trequire-drbd-module-version-{eq,ne,gt,ge,lt,le}";
const char *const resource_statements =
	"protocol | on | disk | net | syncer | startup | handlers | connection | ignore-on | "
	"stacked-on-top-of | skip";
const char *const address_forms = "ssocks | sdp | ipv4 | ipv6 | <ipv4 address> ";

// What to tell the user is recognised by two words that may stand in that place.
struct Expectation {
	std::string_view a, b;
	std::string_view text;
};

constexpr auto expectations = std::to_array<Expectation>({
	{"global", "resource", "top"},
	{"usage-count", "minor-count", "dialog-refresh | minor-count | disable-ip-verification"},
	{"protocol", "stacked-on-top-of", "resource"},
	{"node-id", "meta-disk",
	 "disk | device | address | meta-disk | flexible-meta-disk | node-id | skip"},
	{"node-id", "address", "device | address | proxy | node-id | volume"},
	{"TK_DISK", "flexible-meta-disk", "device | disk | meta-disk | flex-meta-disk | }"},
	{"host", "path", "host | net | skip | }"},
	{"hosts", "net", "hosts | net | }"},
	{"ssocks", "sdp", "address"},
	{"yes", "ask", "yes | no | ask"},
	{"yes", "no", "yes | no"},
	{"via", "port", "address | port | via | ;"},
});

std::string cut(std::string_view text)
{
	return text.size() > 20 ? std::string(text.substr(0, 20)) + "..." : std::string(text);
}

bool starts_with(std::string_view text, std::string_view prefix)
{
	return text.substr(0, prefix.size()) == prefix;
}

}  // namespace

/* ---- session ---- */

void ParseSession::claim(std::string_view what, std::string_view key, Pos pos)
{
	if (show_mode)
		return;
	const Pos *first = claims_.add(key, pos);
	if (!first)
		return;
	std::string use = std::string(what) + " '" + std::string(key) + "' ";
	throw Failure(exit_code::config,
		      *pos.file + ":" + std::to_string(pos.line) + ": conflicting use of " + use +
			      "...\n" + *first->file + ":" + std::to_string(first->line) + ": " +
			      use + "first used here.");
}

void ParseSession::exclude(const std::string &name)
{
	seen_files.insert(real_path(name));
}

void ParseSession::parse_main(const std::string &name)
{
	const std::string &text = sources.read(name);
	if (name == "-") {
		parse_text(text, "STDIN", "STDIN");
		return;
	}
	seen_files.insert(real_path(name));
	parse_text(text, name, absolute_path(name));
}

void ParseSession::parse_text(const std::string &text, const std::string &given,
			      const std::string &absolute)
{
	Builder builder(*this, given, absolute);
	builder.run(text);
}

/* ---- general ---- */

Builder::Builder(ParseSession &session, const std::string &given, const std::string &absolute)
    : session_(session), config_(session.config), given_(config_.intern(given)),
      absolute_(config_.intern(absolute))
{
}

void Builder::run(const std::string &text)
{
	constexpr size_t bytes_per_claim = 16;
	if (!session_.show_mode)
		session_.claims_.reserve(session_.claims_.size() + text.size() / bytes_per_claim);
	Scanner scanner(text, given_);
	Parser parser(scanner, *this);
	try {
		parser.parse();
	} catch (const Failure &) {
		session_.sources.stopped(text, scanner.offset());
		throw;
	}
}

int Builder::filter(int kind)
{
	if (ended_)
		return 0;
	if (!session_.show_mode || !at_top_)
		return kind;
	if (kind != Parser::token::RESOURCE) {
		ended_ = true;
		return 0;
	}
	at_top_ = false;
	return kind;
}

void Builder::parser_failed(const std::string &message)
{
	throw Failure(exit_code::config, *given_ + ": " + message);
}

void Builder::expected(const Token &got, const std::string &what)
{
	throw Failure(exit_code::config, at(got.line) + "Parse error: '" + what +
						 "' expected,\n\tbut got '" + cut(got.text) + "'");
}

void Builder::syntax_error(const Token &got, const std::vector<std::string> &names)
{
	auto has = [&](std::string_view n) {
		return std::find(names.begin(), names.end(), n) != names.end();
	};

	if (in_plugins_ && !plugin_line_.empty())
		throw Failure(exit_code::config,
			      at(got.line) + "Missing \";\" before  \"" + cut(got.text) + "\"");
	if (block_ != Block::none && names.size() > 10)
		expected(got, option_.text.empty() ? "option" : ";");
	for (const auto &e : expectations) {
		if (!has(e.a) || !has(e.b))
			continue;
		if (e.text == "top")
			expected(got, top_statements);
		if (e.text == "resource")
			expected(got, resource_statements);
		if (e.text == "address")
			expected(got, address_forms);
		expected(got, std::string(e.text));
	}
	// Newer keywords may also be names; the user need not hear of that.
	bool is_name = has("TK_STRING");
	std::string list;
	int count = 0;
	for (const auto &n : names) {
		if (is_name && (n == "tiebreaker" || n == "outside-address" || n[0] == '_'))
			continue;
		list += (count++ ? " | " : "") + n;
	}
	if (is_name && has("{") && count == 2)
		list = names_.empty() ? "TK_STRING | {" : "TK_STRING | '{'";
	expected(got, list);
}

void Builder::invalid(int line, const std::string &message)
{
	session_.diag.say(at(line) + message);
	config_.valid = false;
}

void Builder::missing(int line, const std::string &message)
{
	config_.valid = false;
	if (!session_.sources.incomplete())
		invalid(line, message);
}

void Builder::claim(std::string_view what, std::string_view key, int line)
{
	session_.claim(what, key, given(line));
}

// The value of an INTEGER token, unit letter included.
long Builder::number(const Token &t)
{
	Number number = parse_number(t.text, '1');
	if (number.fault != NumberFault::none || number.value > INT_MAX)
		throw Failure(exit_code::config,
			      at(t.line) + "number " + cut(t.text) + " is too big");
	return static_cast<long>(number.value);
}

bool Builder::in_range(const Token &t, const char *name, long value, long min, long max)
{
	if (session_.show_mode || (value >= min && value <= max))
		return true;
	invalid(t.line, std::string(name) + " " + t.str() + " => " + std::to_string(value) +
				" out of range [" + std::to_string(min) + ".." +
				std::to_string(max) + "].");
	return false;
}

std::string Builder::resolve(const std::string &name) const
{
	if (!name.empty() && name[0] == '/')
		return name;
	auto slash = given_->rfind('/');
	return slash == std::string::npos ? name : given_->substr(0, slash + 1) + name;
}

/* ---- top level ---- */

void Builder::begin_global(const Token &t)
{
	at_top_ = false;
	claim("global section", "global", t.line);
	if (!config_.resources.empty())
		session_.diag.say(at(t.line) +
				  "You should put the global {} section\n"
				  "in front of any resource {} section");
	config_.global.present = true;
}

void Builder::global_flag(const Token &name)
{
	if (name.text == "disable-ip-verification")
		config_.global.disable_ip_verification = true;
	else
		config_.global.udev_always_use_vnr = true;
}

void Builder::global_number(const Token &name, const Token &value)
{
	struct GlobalNumber {
		std::string_view name;
		int Global::*member;
		long min, max;
	};
	static constexpr GlobalNumber numbers[] = {
		{"minor-count", &Global::minor_count, 1, 255},
		{"dialog-refresh", &Global::dialog_refresh, 0, 600},
		{"cmd-timeout-short", &Global::cmd_timeout_short, 0, 900},
		{"cmd-timeout-medium", &Global::cmd_timeout_medium, 0, 900},
		{"cmd-timeout-long", &Global::cmd_timeout_long, 0, 900},
	};
	for (const auto &n : numbers) {
		if (n.name != name.text)
			continue;
		long v = number(value);
		if (in_range(value, name.str().c_str(), v, n.min, n.max))
			config_.global.*n.member = static_cast<int>(v);
	}
}

void Builder::require(const Token &op, const Token &version)
{
	auto suffix = op.text.substr(op.text.size() - 2);
	auto wanted = Version::parse(version.text);
	auto loaded = driver_version();

	if (!loaded)
		throw Failure(exit_code::config,
			      "Could not get drbd-module-version, Module not loaded?");
	auto code = loaded->code();
	auto limit = wanted ? wanted->code() : ~0U;
	struct {
		std::string_view suffix, sign;
		bool holds;
	} const tests[] = {
		{"eq", "==", code == limit}, {"ne", "!=", code != limit},
		{"gt", ">", code > limit},   {"ge", ">=", code >= limit},
		{"lt", "<", code < limit},   {"le", "<=", code <= limit},
	};
	for (const auto &t : tests)
		if (t.suffix == suffix && !t.holds)
			throw Failure(exit_code::config,
				      at(version.line) +
					      "Validation error: drbd-module-version " +
					      loaded->text() + " " + std::string(t.sign) + " " +
					      version.str() + " not true");
}

void Builder::parse_included(const std::string &path)
{
	if (!session_.seen_files.insert(real_path(path)).second)
		return;
	if (session_.depth >= max_include_depth)
		throw Failure(exit_code::config, path + ": includes are nested too deeply");
	const std::string &text = session_.sources.read(path, true);
	session_.depth++;
	session_.parse_text(text, path, absolute_path(path));
	session_.depth--;
}

void Builder::include(const Token &pattern)
{
	std::string path = resolve(pattern.str());
	std::string where = *absolute_ + ":" + std::to_string(pattern.line) + ": ";
	glob_t found{};
	int rc = pattern.text.empty() || !session_.read_files
			 ? GLOB_NOMATCH
			 : glob(path.c_str(), 0, nullptr, &found);

	if (rc == 0) {
		std::vector<std::string> paths(found.gl_pathv, found.gl_pathv + found.gl_pathc);
		globfree(&found);
		for (const auto &p : paths) {
			try {
				parse_included(p);
			} catch (const CannotOpen &e) {
				session_.diag.say(where + "Failed to open include file '" + p +
						  "'.\n\t" + e.what());
			}
		}
		return;
	}
	globfree(&found);
	if (rc != GLOB_NOMATCH || pattern.text.find_first_of("*?[") == std::string::npos) {
		session_.diag.say(where + "Failed to open include file '" + path + "'.");
		config_.valid = false;
	} else if (session_.verbose) {
		session_.diag.say(where + "no match for include pattern '" + path + "'.");
	}
}

void Builder::skip(const Token &t, Scanner &scanner)
{
	if (!scanner.skip_block())
		throw Failure(exit_code::config,
			      at(t.line) + "reached eof while parsing this skip block.");
}

/* ---- resources ---- */

void Builder::begin_common(const Token &t)
{
	at_top_ = false;
	if (!session_.template_mode)
		claim("resource section", "common", t.line);
	resource_ = std::make_unique<Resource>();
	resource_->name = "common";
	resource_->is_common = true;
	resource_->pos = absolute(t.line);
	resource_->parsed_pos = given(t.line);
	scopes_ = {Scope::resource};
}

void Builder::begin_resource(const Token &t, const Token &name)
{
	at_top_ = false;
	for (unsigned char c : name.text)
		if (c < 0x20 || c == 0x7f)
			throw Failure(exit_code::usage,
				      "Resource name is invalid - please don't use control "
				      "characters.");
	if (name.text.empty())
		throw Failure(exit_code::usage, "Resource name is empty.");
	if (name.text != "global")
		claim("resource section", name.text, t.line);
	else if (config_.global.present)
		claim("resource section", "global", t.line);
	resource_ = std::make_unique<Resource>();
	resource_->name = name.text;
	resource_->pos = absolute(t.line);
	resource_->parsed_pos = given(t.line);
	scopes_ = {Scope::resource};
}

void Builder::end_resource()
{
	at_top_ = true;
	scopes_.clear();
	sort_by_number(resource_->volumes);
	for (auto &h : resource_->hosts)
		sort_by_number(h.volumes);
	complete_volumes(*resource_, session_, false);
	if (resource_->is_common)
		config_.common = std::move(resource_);
	else
		config_.resources.push_back(std::move(resource_));
	resource_.reset();
	host_ = nullptr;
}

void Builder::protocol(const Token &t, const Token &value)
{
	claim("protocol statement", resource_->name + ": protocol", t.line);
	const OptionRule *rule = find_rule(OptionSet::net, "protocol");
	if (rule)
		check_value(*rule, value.str(), value.line);
	resource_->net.append("protocol", value.str());
}

void Builder::template_file(const Token &name)
{
	std::string path = resolve(name.str());
	std::string absolute = absolute_path(path);

	resource_->template_file = absolute;
	resource_->uses_9_features = true;
	auto &cached = session_.templates_[absolute];
	if (!cached) {
		const std::string *text;
		try {
			if (!session_.read_files)
				throw CannotOpen(exit_code::exec, "");
			text = &session_.sources.read(path, true);
		} catch (const CannotOpen &) {
			invalid(name.line, "Failed to open template file '" + path + "'.");
			return;
		}
		Config config;
		ParseSession session(config, session_.diag, session_.sources);
		session.template_mode = true;
		session.verbose = session_.verbose;
		session.local_node = session_.local_node;
		session.depth = session_.depth + 1;
		if (session.depth > max_include_depth)
			throw Failure(exit_code::config,
				      path + ": templates are nested too deeply");
		session.parse_text(*text, path, absolute);
		if (!config.valid)
			config_.valid = false;
		if (!config.common && session_.sources.incomplete())
			return;
		if (!config.common || !config.resources.empty() || config.global.present)
			throw Failure(exit_code::config,
				      path + ":1: a template file must consist of one 'common' "
					     "section");
		// The names its positions point to live on with the main configuration.
		auto rebase = [&](Pos &pos) {
			if (pos.file)
				pos.file = config_.intern(*pos.file);
		};
		rebase(config.common->pos);
		rebase(config.common->parsed_pos);
		config.common->hosts.clear();
		config.common->connections.clear();
		config.common->meshes.clear();
		config.common->volumes.clear();
		cached = std::move(config.common);
	}
	resource_->template_common = cached;
}

/* ---- host sections ---- */

void Builder::check_host_allowed(const Token &t)
{
	if (resource_->is_common)
		throw Failure(exit_code::config,
			      at(t.line) + "in the common section, there are no host sections "
					   "allowed.");
}

std::string Builder::host_key() const
{
	return resource_->name + ":" + (host_->names.empty() ? "" : host_->names.front());
}

void Builder::begin_host(const Token &t)
{
	for (const auto &n : names_)
		claim("host section", resource_->name + ": on " + n, t.line);
	host_ = &resource_->hosts.emplace_back();
	host_->pos = absolute(t.line);
	host_->names = std::move(names_);
	names_.clear();
	scopes_.push_back(Scope::host);
}

void Builder::begin_floating(const Token &t)
{
	host_ = &resource_->hosts.emplace_back();
	host_->pos = absolute(t.line);
	host_->kind = HostKind::floating;
	host_->address = address_;
	std::string name = address_.addr_port();
	if (address_.family != "ipv4")
		name = address_.family + " " + name;
	host_->names = {name};
	claim("host section", resource_->name + ": floating " + name, t.line);
	scopes_.push_back(Scope::host);
}

void Builder::begin_stacked(const Token &t, const Token &lower)
{
	claim("stacked-on-top-of", "stacked:" + lower.str(), t.line);
	host_ = &resource_->hosts.emplace_back();
	host_->pos = absolute(t.line);
	host_->kind = HostKind::stacked;
	host_->lower_name = lower.text;
	host_->names = {lower.str()};
	resource_->stacked = true;
	scopes_.push_back(Scope::stacked_host);
}

void Builder::begin_this_host(const Token &t)
{
	if (!session_.show_mode)
		expected(t, resource_statements);
	host_ = &resource_->hosts.emplace_back();
	host_->pos = absolute(t.line);
	host_->names = {"_this_host"};
	resource_->me = host_;
	scopes_.push_back(Scope::host);
}

void Builder::end_host()
{
	scopes_.pop_back();
	host_ = nullptr;
}

void Builder::host_address(const Token &t)
{
	if (host_->kind == HostKind::floating) {
		invalid(t.line, "address statement not allowed for floating {} host sections");
		return;
	}
	claim("address statement", host_key() + ":address", t.line);
	host_->address = address_;
}

void Builder::node_id(const Token &t, const Token &value)
{
	claim("node-id statement", host_key() + ":node-id", t.line);
	long id = number(value);
	claim("node-id", resource_->name + ":" + std::to_string(id), t.line);
	resource_->uses_9_features = true;
	in_range(value, "node-id", id, 0, 31);
	host_->node_id = static_cast<int>(id);
}

/* ---- volumes ---- */

Volume &Builder::implicit_volume(int line)
{
	Volumes &volumes = host_ ? host_->volumes : resource_->volumes;
	for (auto &v : volumes)
		if (v.implicit)
			return v;
	if (!volumes.empty())
		invalid(line, "mixing explicit and implicit volumes is not allowed");
	Volume &v = volumes.emplace_back();
	v.implicit = true;
	return v;
}

// The volume a disk, device or meta-disk statement belongs to, after the check that it is the
// only one of its kind in a host section.
Volume *Builder::current_volume(int line)
{
	if (scope() == Scope::volume)
		return volume_;
	return &implicit_volume(line);
}

void Builder::begin_volume(const Token &t, const Token &value)
{
	int vnr = static_cast<int>(number(value));

	if (scope() == Scope::connection) {
		peer_device_ = &connection_->peer_devices.emplace_back();
		peer_device_->vnr = vnr;
		peer_device_->implicit = false;
		peer_device_->pos = absolute(t.line);
		scopes_.push_back(Scope::connection_volume);
		return;
	}
	Volumes &volumes = host_ ? host_->volumes : resource_->volumes;
	volume_ = &volumes.emplace_back();
	volume_->vnr = vnr;
	scopes_.push_back(Scope::volume);
}

void Builder::end_volume()
{
	scopes_.pop_back();
	volume_ = nullptr;
	peer_device_ = nullptr;
}

void Builder::disk(const Token &t, const Token &name)
{
	if (scope() == Scope::host)
		claim("disk statement", host_key() + ":disk", t.line);
	Volume *v = current_volume(t.line);
	v->disk = name.str();
	v->disk_pos = given(t.line);
	v->own_disk = true;
	if (name.text.empty())
		invalid(t.line, "disk name is empty");
}

void Builder::device(const Token &t, const Token *name, const Token *minor)
{
	switch (scope()) {
	case Scope::resource:
		claim("device statement", resource_->name + ":device", t.line);
		break;
	case Scope::host:
	case Scope::stacked_host:
		claim("device statement", host_key() + ":device", t.line);
		break;
	default:
		break;
	}
	Volume *v = current_volume(t.line);
	v->device_pos = given(t.line);
	v->own_device = true;
	v->device.clear();
	v->minor.reset();
	int line = minor ? minor->line : name->line;
	if (minor)
		v->minor = static_cast<unsigned>(number(*minor));
	if (!name)
		return;

	std::string device = name->str();
	if (starts_with(device, "drbd"))
		device = "/dev/" + device;
	bool mine = !host_ || host_->kind != HostKind::on ||
		    any_same_host(host_->names, session_.local_node);
	if (!starts_with(device, "/dev/drbd")) {
		if (mine && !session_.show_mode)
			invalid(line, "device name must start with /dev/drbd\n"
				      "\t(/dev/ is optional, but drbd is required)");
		device.clear();
	}
	v->device = device;

	std::string digits = device.empty() ? name->str() : device.substr(9);
	bool numeric = !digits.empty() && digits.size() <= 8 &&
		       digits.find_first_not_of("0123456789") == std::string::npos;
	if (v->minor) {
		if (device.empty() || session_.show_mode)
			return;
		if (numeric && std::stoul(digits) != *v->minor) {
			std::string m = std::to_string(*v->minor);
			invalid(line, "explicit minor number must match with device name\n"
				      "\tTry \"device /dev/drbd" + m + " minor " + m + ";\",\n"
				      "\tor leave off either device name or explicit minor.\n"
				      "\tArbitrary device names must start with /dev/drbd_\n"
				      "\tmind the '_'! (/dev/ is optional, but drbd_ is required)");
		} else if (!numeric && digits[0] != '_') {
			invalid(line, "arbitrary device name must start with /dev/drbd_\n"
				      "\tmind the '_'! (/dev/ is optional, but drbd_ is required)");
		}
		return;
	}
	struct stat st;
	if (numeric)
		v->minor = static_cast<unsigned>(std::stoul(digits));
	else if (stat((device.empty() ? name->str() : device).c_str(), &st) == 0 &&
		 S_ISBLK(st.st_mode) && major(st.st_rdev) == drbd_major)
		v->minor = ::minor(st.st_rdev);
	else
		invalid(line, "no minor given nor device name contains a minor number");
}

void Builder::check_indexable(const Token &name, const Token &bracket)
{
	if (name.text == "internal")
		expected(bracket, ";");
}

void Builder::meta_disk(const Token &t, const Token &name, const Token *index)
{
	if (scope() == Scope::host)
		claim("meta-disk statement", host_key() + ":meta-disk", t.line);
	Volume *v = current_volume(t.line);
	v->meta_disk = name.str();
	v->meta_disk_pos = given(t.line);
	v->own_meta_disk = true;
	if (name.text == "internal")
		v->meta_index = static_cast<int>(MetaIndex::internal);
	else
		v->meta_index = index ? static_cast<int>(number(*index))
				      : static_cast<int>(MetaIndex::flexible);
}

void Builder::flexible_meta_disk(const Token &t, const Token &name)
{
	meta_disk(t, name, nullptr);
}

void Builder::tiebreaker(const Token &value)
{
	if (volume_)
		volume_->tiebreaker = value.text == "yes";
}

/* ---- addresses ---- */

void Builder::check_port(const Token &port)
{
	in_range(port, "port", number(port), 1, 65535);
}

void Builder::set_address(const char *family, const Token &addr, const Token &port)
{
	address_.family = family;
	address_.addr = addr.text;
	address_.port = port.text;
}

/* ---- connections ---- */

void Builder::begin_connection(const Token &t, const Token &name)
{
	if (!name.text.empty())
		session_.diag.say(at(t.line) + "explicitly named connections are deprecated!\n"
					       "\tits name ('" + name.str() + "') will be ignored");
	connection_ = &resource_->connections.emplace_back();
	connection_->pos = absolute(t.line);
	resource_->uses_9_features = true;
	path_ = nullptr;
	scopes_.push_back(Scope::connection);
}

void Builder::end_connection()
{
	if (connection_->paths.empty() && !session_.show_mode && !session_.sources.incomplete())
		throw Failure(exit_code::config,
			      at(connection_->pos.line) + "connection without a single path "
							  "(maybe empty?) not allowed");
	for (const auto &p : connection_->paths)
		if (p.implicit && p.refs.size() != 2 && !session_.show_mode)
			missing(connection_->pos.line, "Resource " + resource_->name +
							       ": connection needs to have two "
							       "endpoints");
	scopes_.pop_back();
	connection_ = nullptr;
	path_ = nullptr;
}

void Builder::begin_path(const Token &t)
{
	path_ = &connection_->paths.emplace_back();
	path_->pos = absolute(t.line);
	path_->implicit = false;
}

void Builder::end_path()
{
	if (path_->refs.size() != 2 && !session_.show_mode)
		missing(path_->pos.line,
			"Resource " + resource_->name + ": path needs to have two endpoints");
	path_ = nullptr;
}

void Builder::begin_ref(const Token &t, const Token *name)
{
	bool explicit_path = path_ != nullptr;
	Path *path = path_;

	if (!path) {
		for (auto &p : connection_->paths)
			if (p.implicit)
				path = &p;
		if (!path) {
			if (!connection_->paths.empty())
				throw Failure(exit_code::config,
					      at(t.line) + "Explicit and implicit paths not "
							   "allowed");
			path = &connection_->paths.emplace_back();
			path->pos = absolute(t.line);
		}
	}
	if (path->refs.size() == 2)
		throw Failure(exit_code::config,
			      at(t.line) + "only two 'host' keywords per " +
				      (explicit_path ? "path" : "connection") + " allowed");
	path->refs.reserve(2);
	ref_ = &path->refs.emplace_back();
	ref_->pos = absolute(t.line);
	if (name)
		ref_->name = name->text;
}

void Builder::ref_address()
{
	ref_->address = ref_->given = address_;
}

void Builder::ref_port(const Token &port)
{
	ref_->address.port = ref_->given.port = port.text;
}

void Builder::begin_proxy(const Token &t)
{
	proxy_.emplace();
	proxy_->pos = absolute(t.line);
	proxy_->names = std::move(names_);
	names_.clear();
	scopes_.push_back(Scope::proxy);
}

void Builder::end_proxy()
{
	scopes_.pop_back();
}

void Builder::peer_node_id(const Token &value)
{
	connection_->peer_node_id = static_cast<int>(number(value));
}

void Builder::cstate(const Token &value)
{
	static constexpr std::string_view states[] = {
		"StandAlone", "Disconnecting", "Unconnected", "Timeout", "BrokenPipe",
		"NetworkFailure", "ProtocolError", "TearDown", "Connecting", "Connected",
	};
	for (size_t i = 0; i < std::size(states); i++)
		if (states[i] == value.text)
			connection_->state = static_cast<ConnState>(i);
}

void Builder::is_standalone()
{
	connection_->state = ConnState::standalone;
}

void Builder::begin_mesh(const Token &t)
{
	mesh_ = &resource_->meshes.emplace_back();
	mesh_->pos = absolute(t.line);
	resource_->uses_9_features = true;
	scopes_.push_back(Scope::mesh);
}

void Builder::end_mesh()
{
	scopes_.pop_back();
	mesh_ = nullptr;
}

void Builder::mesh_hosts()
{
	mesh_->hosts.insert(mesh_->hosts.end(), names_.begin(), names_.end());
	names_.clear();
}

/* ---- option sections ---- */

void Builder::open_options(const Token &keyword)
{
	const std::string_view k = keyword.text;
	const std::string &r = resource_->name;

	option_ = Token();
	if (k == "net") {
		block_ = Block::net;
		if (scope() == Scope::resource) {
			claim("net section", r + ":net", keyword.line);
		} else if (scope() == Scope::connection) {
			if (connection_->has_net)
				throw Failure(exit_code::config,
					      at(keyword.line) + "only one 'net' section per "
								 "connection allowed");
			connection_->has_net = true;
		} else if (scope() == Scope::mesh) {
			if (mesh_->has_net)
				throw Failure(exit_code::config,
					      at(keyword.line) +
						      "only one 'net' section allowed");
			mesh_->has_net = true;
		}
	} else if (k == "options") {
		block_ = Block::options;
		if (scope() == Scope::resource)
			claim("resource options section", r + ":res_options", keyword.line);
		else if (scope() == Scope::proxy)
			block_ = Block::proxy;
		else
			block_ = Block::host_options;
	} else if (k == "disk") {
		block_ = Block::disk;
		switch (scope()) {
		case Scope::resource:
			claim("disk section", r + ":disk", keyword.line);
			break;
		case Scope::host: {
			claim("disk statement", host_key() + ":disk", keyword.line);
			implicit_volume(keyword.line).own_disk = true;
			break;
		}
		case Scope::volume:
			volume_->own_disk = true;
			break;
		case Scope::connection:
			// Of several sections the last one counts.
			connection_->peer_device_options = Options();
			block_ = Block::peer_device;
			break;
		default:
			block_ = Block::peer_device;
			break;
		}
	} else if (k == "startup") {
		block_ = Block::startup;
		claim("startup section", r + ":startup", keyword.line);
	} else if (k == "handlers") {
		block_ = Block::handlers;
		claim("handlers section", r + ":handlers", keyword.line);
	} else if (k == "syncer") {
		block_ = Block::syncer;
		claim("syncer section", r + ":syncer", keyword.line);
	} else {
		block_ = Block::proxy;
		claim("proxy section", r + ":proxy", keyword.line);
	}
}

void Builder::option_name(const Token &name)
{
	static constexpr OptionSet net_sets[] = {OptionSet::net};
	static constexpr OptionSet options_sets[] = {OptionSet::resource};
	static constexpr OptionSet disk_sets[] = {OptionSet::disk, OptionSet::peer_device,
						  OptionSet::device};
	static constexpr OptionSet peer_device_sets[] = {OptionSet::peer_device};
	static constexpr OptionSet startup_sets[] = {OptionSet::startup};
	static constexpr OptionSet handlers_sets[] = {OptionSet::handlers};
	static constexpr OptionSet syncer_sets[] = {OptionSet::net, OptionSet::disk,
						    OptionSet::resource, OptionSet::peer_device};
	static constexpr OptionSet proxy_sets[] = {OptionSet::proxy};
	std::span<const OptionSet> sets;
	std::string text = name.str();

	option_ = name;
	option_values_ = 0;
	option_value_.clear();
	negated_ = ignore_option_ = false;
	rule_ = nullptr;

	switch (block_) {
	case Block::net: sets = net_sets; break;
	case Block::options:
	case Block::host_options: sets = options_sets; break;
	case Block::disk: sets = disk_sets; break;
	case Block::peer_device: sets = peer_device_sets; break;
	case Block::startup: sets = startup_sets; break;
	case Block::handlers: sets = handlers_sets; break;
	case Block::proxy: sets = proxy_sets; break;
	case Block::syncer:
		sets = syncer_sets;
		if (text == "rate")
			text = "resync-rate";
		else if (text == "after")
			text = "resync-after";
		else if (text == "outdate-peer")
			text = "fence-peer";
		break;
	case Block::none: break;
	}

	for (std::string_view candidate : {std::string_view(text), std::string_view(text).substr(
							     starts_with(text, "no-") ? 3 : 0)}) {
		for (OptionSet set : sets) {
			rule_ = find_rule(set, candidate);
			// `bitmap` is the peer device's here as it always was; the newer local
			// option of that name must not change what old files mean.
			if (rule_ && set == OptionSet::disk && !rule_->listed() &&
			    find_rule(OptionSet::peer_device, candidate))
				rule_ = nullptr;
			if (rule_ && rule_->in_config) {
				rule_set_ = set;
				negated_ = candidate.size() != text.size();
				return;
			}
			rule_ = nullptr;
		}
	}

	// 8.4 had fencing in the disk section.
	if (block_ == Block::disk && text == "fencing" && scope() == Scope::resource) {
		rule_set_ = OptionSet::net;
		rule_ = find_rule(OptionSet::net, text);
		if (rule_)
			return;
	}
	if (block_ == Block::startup && (text == "become-primary-on" ||
					 text == "stacked-timeouts")) {
		ignore_option_ = true;
		return;
	}
	if (session_.show_mode) {
		// The kernel may know options that this tool does not; `_unknown NAME` is the
		// reverse.
		ignore_option_ = true;
		return;
	}
	switch (block_) {
	case Block::net: expected(name, "an option keyword");
	case Block::options:
	case Block::host_options: expected(name, rule_names(OptionSet::resource));
	case Block::disk:
	case Block::peer_device: expected(name, rule_names(OptionSet::peer_device));
	case Block::startup:
		expected(name, "<an option keyword> | become-primary-on | stacked-timeouts");
	case Block::handlers: expected(name, rule_names(OptionSet::handlers));
	case Block::syncer: expected(name, "a syncer option keyword");
	default: break;  // proxy: a plugin section may follow, see end_option()
	}
}

void Builder::option_value(const Token &value)
{
	if (++option_values_ > 1 && option_.text != "become-primary-on")
		expected(value, ";");
	option_value_ = value.text;
}

Options *Builder::target(OptionSet set)
{
	switch (scope()) {
	case Scope::resource:
		switch (set) {
		case OptionSet::resource: return &resource_->options;
		case OptionSet::net: return &resource_->net;
		case OptionSet::disk: return &resource_->disk;
		case OptionSet::peer_device: return &resource_->peer_device;
		case OptionSet::device: return &resource_->device;
		case OptionSet::startup: return &resource_->startup;
		case OptionSet::handlers: return &resource_->handlers;
		case OptionSet::proxy: return &resource_->proxy;
		}
		break;
	case Scope::host:
	case Scope::stacked_host:
	case Scope::volume: {
		if (block_ == Block::host_options)
			return &host_->resource_options;
		Volume *v = scope() == Scope::volume ? volume_ : &implicit_volume(option_.line);
		return set == OptionSet::disk	       ? &v->disk_options
		       : set == OptionSet::peer_device ? &v->peer_device_options
						       : &v->device_options;
	}
	case Scope::connection:
		return set == OptionSet::net ? &connection_->net
					     : &connection_->peer_device_options;
	case Scope::connection_volume: return &peer_device_->options;
	case Scope::mesh: return &mesh_->net;
	case Scope::proxy: return &proxy_->options;
	}
	return nullptr;
}

void Builder::check_value(const OptionRule &rule, const std::string &value, int line)
{
	if (session_.show_mode)
		return;
	std::string problem = value_problem(rule, value);
	if (problem.empty())
		return;
	// "too big" or "not valid\nAllowed values are: …"
	auto newline = problem.find('\n');
	std::string more = newline == std::string::npos ? "" : problem.substr(newline);
	invalid(line, "Parse error: while parsing value ('" + cut(value) + "')\nfor " + rule.name +
			      ". Value is " + problem.substr(0, newline) + "." + more);
}

void Builder::end_option()
{
	if (option_.text == "_unknown" && session_.show_mode) {
		for (OptionSet set : {OptionSet::net, OptionSet::disk, OptionSet::peer_device,
				      OptionSet::resource}) {
			const OptionRule *rule = find_rule(set, option_value_);
			bool here = (block_ == Block::net && set == OptionSet::net) ||
				    (block_ == Block::options && set == OptionSet::resource) ||
				    (block_ == Block::disk && set == OptionSet::disk) ||
				    ((block_ == Block::disk || block_ == Block::peer_device) &&
				     set == OptionSet::peer_device);
			if (!rule || !here)
				continue;
			Option o;
			o.name = option_value_;
			o.unknown = true;
			if (Options *options = target(set))
				options->append(std::move(o));
			break;
		}
		option_ = Token();
		return;
	}
	if (!rule_ && !ignore_option_)
		throw Failure(exit_code::config,
			      at(option_.line) + "expected \"{\" after \"proxy\" keyword");
	if (ignore_option_) {
		if (option_.text == "stacked-timeouts")
			resource_->stacked_timeouts = true;
		option_ = Token();
		return;
	}
	Option o;
	o.name = rule_->name;
	o.has_value = true;
	if (option_values_) {
		check_value(*rule_, option_value_, option_.line);
		o.value = option_value_;
	} else {
		o.value = negated_ ? "no" : "yes";
	}
	if (Options *options = target(rule_set_))
		options->append(std::move(o));
	option_ = Token();
}

void Builder::begin_plugins(const Token &brace)
{
	if (block_ != Block::proxy)
		expected(brace, ";");
	in_plugins_ = true;
	plugin_line_.clear();
}

void Builder::plugin_word(const Token &word)
{
	if (!plugin_line_.empty())
		plugin_line_ += ' ';
	plugin_line_ += word.text;
}

void Builder::end_plugin_line()
{
	auto &plugins = scope() == Scope::proxy ? proxy_->plugins : resource_->proxy_plugins;
	plugins.push_back(plugin_line_);
	plugin_line_.clear();
}

}  // namespace drbd::adm
