// SPDX-License-Identifier: GPL-2.0-only
// Turns the statements the grammar recognises into the model of one file, and says what is
// wrong with them.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "claims.h"
#include "model.h"
#include "options.h"
#include "scanner.h"
#include "sources.h"

namespace drbd::adm {

class Diagnostics;

// What all files of one configuration share while they are read.
class ParseSession {
public:
	// Texts of files come from `sources`, and go there when something is wrong in them.
	ParseSession(Config &config, Diagnostics &diag, Sources &sources)
	    : config(config), diag(diag), sources(sources) {}
	ParseSession(Config &config, Diagnostics &diag) : ParseSession(config, diag, own_sources_) {}

	// Reads the main file ("-": standard input) or a -t file.  Throws Failure when it cannot
	// be opened or when parsing cannot go on; recoverable errors clear config.valid.
	void parse_main(const std::string &name);
	void parse_text(const std::string &text, const std::string &given,
			const std::string &absolute);

	// Includes of this file are passed over (-E).
	void exclude(const std::string &name);

	// Fails (status 10) if the key is in use already; else notes where it is used.
	void claim(std::string_view what, std::string_view key, Pos pos);

	Config &config;
	Diagnostics &diag;
	Sources &sources;
	bool show_mode = false;  // reading drbdsetup show: no uniqueness or range checks
	bool template_mode = false;
	bool read_files = true;  // false: includes and templates are not there
	int verbose = 0;
	std::string local_node;
	std::set<std::string> seen_files;  // real paths
	int depth = 0;

private:
	friend class Builder;
	Sources own_sources_;
	Claims claims_;
	std::map<std::string, std::shared_ptr<Resource>> templates_;
};

class Builder {
public:
	Builder(ParseSession &session, const std::string &given, const std::string &absolute);

	void run(const std::string &text);

	// Called for every token kind on its way to the parser: ends the input early in show
	// mode, where anything but resources is noise.
	int filter(int kind);

	[[noreturn]] void syntax_error(const Token &got, const std::vector<std::string> &expected);
	[[noreturn]] void parser_failed(const std::string &message);

	void begin_global(const Token &t);
	void end_global() { at_top_ = true; }
	void global_flag(const Token &name);
	void global_number(const Token &name, const Token &value);
	void usage_count(const Token &value) { config_.global.usage_count = value.text; }
	void require(const Token &op, const Token &version);
	void include(const Token &pattern);
	void skip(const Token &t, Scanner &scanner);

	void begin_common(const Token &t);
	void begin_resource(const Token &t, const Token &name);
	void end_resource();
	void protocol(const Token &t, const Token &value);
	void template_file(const Token &name);

	void begin_names() { names_.clear(); }
	void add_name(const Token &t) { names_.emplace_back(t.text); }

	void check_host_allowed(const Token &t);
	void begin_host(const Token &t);
	void begin_floating(const Token &t);
	void begin_stacked(const Token &t, const Token &lower);
	void begin_this_host(const Token &t);
	void end_host();
	void host_address(const Token &t);
	void host_proxy() { host_->proxy = std::move(proxy_); }
	void node_id(const Token &t, const Token &value);

	void begin_volume(const Token &t, const Token &number);
	void end_volume();
	void disk(const Token &t, const Token &name);
	void device(const Token &t, const Token *name, const Token *minor);
	void check_indexable(const Token &name, const Token &bracket);
	void meta_disk(const Token &t, const Token &name, const Token *index);
	void flexible_meta_disk(const Token &t, const Token &name);
	void tiebreaker(const Token &value);

	void check_port(const Token &port);
	void set_address(const char *family, const Token &addr, const Token &port);

	void begin_connection(const Token &t, const Token &name);
	void end_connection();
	void begin_path(const Token &t);
	void end_path();
	void begin_ref(const Token &t, const Token *name);
	void ref_address();
	void ref_port(const Token &port);
	void ref_proxy() { ref_->proxy = std::move(proxy_); }
	void ref_outside() { ref_->outside = address_; }
	void begin_proxy(const Token &t);
	void end_proxy();
	void proxy_inside() { proxy_->inside = address_; }
	void proxy_outside() { proxy_->outside = address_; }
	void peer_node_id(const Token &value);
	void cstate(const Token &value);
	void is_standalone();

	void begin_mesh(const Token &t);
	void end_mesh();
	void mesh_hosts();

	void open_options(const Token &keyword);
	void close_options() { block_ = Block::none; }
	void option_name(const Token &name);
	void option_value(const Token &value);
	void end_option();
	void begin_plugins(const Token &brace);
	void plugin_word(const Token &word);
	void end_plugin_line();
	void end_plugins() { in_plugins_ = false; }

private:
	enum class Scope { resource, host, stacked_host, volume, connection, connection_volume, mesh,
			   proxy };
	enum class Block { none, net, options, host_options, disk, peer_device, startup, handlers,
			   syncer, proxy };

	Scope scope() const { return scopes_.empty() ? Scope::resource : scopes_.back(); }
	Pos given(int line) const { return {given_, line}; }
	Pos absolute(int line) const { return {absolute_, line}; }
	std::string at(int line) const { return *given_ + ":" + std::to_string(line) + ": "; }

	void invalid(int line, const std::string &message);
	// Something is missing; said of a complete text only.
	void missing(int line, const std::string &message);
	[[noreturn]] void expected(const Token &got, const std::string &what);
	void claim(std::string_view what, std::string_view key, int line);
	long number(const Token &t);
	bool in_range(const Token &t, const char *name, long value, long min, long max);

	Volume &implicit_volume(int line);
	Volume *current_volume(int line);
	std::string host_key() const;
	Options *target(OptionSet set);
	void check_value(const OptionRule &rule, const std::string &value, int line);
	void store(OptionSet set, const OptionRule &rule, Option option);
	void parse_included(const std::string &path);
	std::string resolve(const std::string &name) const;

	ParseSession &session_;
	Config &config_;
	const std::string *given_;
	const std::string *absolute_;

	bool at_top_ = true;
	bool ended_ = false;
	std::vector<Scope> scopes_;
	std::vector<std::string> names_;
	Address address_;
	std::optional<ProxySection> proxy_;

	std::unique_ptr<Resource> resource_;
	HostSection *host_ = nullptr;
	Volume *volume_ = nullptr;
	Connection *connection_ = nullptr;
	Path *path_ = nullptr;
	HostRef *ref_ = nullptr;
	PeerDevice *peer_device_ = nullptr;
	Mesh *mesh_ = nullptr;

	Block block_ = Block::none;
	Token option_;
	std::string option_value_;
	int option_values_ = 0;
	const OptionRule *rule_ = nullptr;
	OptionSet rule_set_ = OptionSet::net;
	bool negated_ = false;
	bool ignore_option_ = false;
	bool in_plugins_ = false;
	std::string plugin_line_;
};

}  // namespace drbd::adm
