"""The board in Django's admin: a change made here is a change on everybody's screen."""

from django.contrib import admin

from projects.models import Comment, Membership, Project, Tag, Task


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0
    autocomplete_fields = ["user"]


class CommentInline(admin.TabularInline):
    model = Comment
    extra = 0
    autocomplete_fields = ["author"]


@admin.register(Project)
class ProjectAdmin(admin.ModelAdmin):
    list_display = ["name", "description"]
    search_fields = ["name"]
    inlines = [MembershipInline]


@admin.register(Task)
class TaskAdmin(admin.ModelAdmin):
    list_display = ["title", "project", "assignee", "due", "done", "position"]
    list_editable = ["done", "position"]
    list_filter = ["project", "done", "tags"]
    list_select_related = ["project", "assignee"]
    search_fields = ["title", "body"]
    autocomplete_fields = ["project", "assignee", "tags"]
    date_hierarchy = "due"
    inlines = [CommentInline]


@admin.register(Comment)
class CommentAdmin(admin.ModelAdmin):
    list_display = ["text", "task", "author", "created"]
    list_select_related = ["task", "author"]
    search_fields = ["text"]
    autocomplete_fields = ["task", "author"]


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):
    list_display = ["user", "project", "role"]
    list_filter = ["project", "role"]
    list_select_related = ["user", "project"]
    autocomplete_fields = ["user", "project"]


@admin.register(Tag)
class TagAdmin(admin.ModelAdmin):
    list_display = ["name", "color"]
    search_fields = ["name"]
